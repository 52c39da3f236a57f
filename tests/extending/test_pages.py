"""The code blocks of the pages about extensions are written, installed and run."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.extending.conftest import ROOT, TOY_PACKAGE, install, run_with

PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<path>[^"]+)")?\n(?P<code>.*?)^```$',
    re.DOTALL | re.MULTILINE,
)
CLI = "from napari_isr.cli.app import main; main()"


def blocks_of(page):
    return [found.groupdict() for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_the_page_works(page, tmp_path):
    package, site, work = (tmp_path / name for name in ("package", "site", "work"))
    work.mkdir()
    blocks = blocks_of(page)
    for block in blocks:
        if block["path"] is not None:
            path = package / block["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["code"], encoding="utf-8")
    code = [
        block["code"] for block in blocks if block["language"] == "python" and not block["path"]
    ]
    assert code
    (work / "page.py").write_text("\n".join(code), encoding="utf-8")
    # Before the package is installed, Python finds it in the current folder.
    run_with(package, work / "page.py", cwd=work)
    for block in blocks:
        if block["language"] != "bash":
            continue
        for line in block["code"].splitlines():
            command, *arguments = shlex.split(line, comments=True)
            if command == "pip":
                assert arguments == ["install", "."]
                install(package, site)
            else:
                assert command == "napari-isr"
                run_with(site, "-c", CLI, *arguments, cwd=work)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_files_of_the_page_are_those_of_the_toy_package(page):
    for block in blocks_of(page):
        path = TOY_PACKAGE / (block["path"] or "pyproject.toml")
        if block["path"] is not None and path.suffix == ".py":
            assert path.read_text(encoding="utf-8") == block["code"], path.name


def test_the_page_about_shapes_needs_three_files():
    page = ROOT / "docs" / "extending" / "add-a-shape.md"
    modules = [block["path"] for block in blocks_of(page) if (block["path"] or "").endswith(".py")]
    # The third file is the page of documentation.
    assert len(modules) == 2
