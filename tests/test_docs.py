"""The documentation builds strictly and without the network, and says what the code does."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_isr as isr
from napari_isr.shapes import shape_names

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
BLOB = "https://github.com/napari-isr/napari-isr/blob/main/"
RAW = "https://raw.githubusercontent.com/napari-isr/napari-isr/main/"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it."""
    pytest.importorskip("material", reason="the documentation is built with the extra 'docs'")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", out],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_is_built_strictly_with_every_page(site):
    for page in PAGES:
        path = page.relative_to(DOCS).with_suffix("")
        assert (site / path / "index.html").exists() or (site / f"{path}.html").exists()


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="([^"]+)"', text)
        loaded += re.findall(
            r'<link[^>]+rel="(?:stylesheet|icon|preconnect)"[^>]*href="([^"]+)"', text
        )
        loaded += re.findall(r'<link[^>]+href="([^"]+)"[^>]*rel="(?:stylesheet|icon)"', text)
        assert loaded
        assert [u for u in loaded if "//" in u] == [], page


def test_pages_made_from_the_code_are_not_stale():
    path = ROOT / "tools" / "docs_tables.py"
    spec = importlib.util.spec_from_file_location("_docs_tables", path)
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    for name, make in tables.FILES.items():
        assert (ROOT / name).read_text(encoding="utf-8") == make(), f"{name}: run make docs"


def test_every_shape_has_its_page_and_picture():
    pages = {page.stem: page.read_text(encoding="utf-8") for page in (DOCS / "shapes").glob("*.md")}
    choice = (DOCS / "which-shape.md").read_text(encoding="utf-8")
    for name in shape_names():
        stem = "sums" if "+" in name else name
        assert f"`{name}`" in pages[stem] or f"# {name}:" in pages[stem]
        assert f"images/shapes/{stem}.webp" in pages[stem]
        assert f"shapes/{stem}.md" in choice
    for path in (DOCS / "images" / "shapes").glob("*.webp"):
        with Image.open(path) as picture:
            assert picture.size == (972, 360)


def links_of(page):
    """Link and picture targets of a Markdown file, without anchors."""
    text = page.read_text(encoding="utf-8")
    return [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]


def test_links_of_the_contributing_guide_lead_to_files():
    near = [link for link in links_of(ROOT / "CONTRIBUTING.md") if link and "://" not in link]
    assert near
    assert [link for link in near if not (ROOT / link).exists()] == []


def test_links_and_pictures_of_the_readme_are_absolute_and_lead_to_files():
    # Relative ones are broken on the pages of package indexes and of the plugin.
    links = [link for link in links_of(ROOT / "README.md") if link]
    assert [link for link in links if not link.startswith("https://")] == []
    pictures = [link.removeprefix(RAW) for link in links if link.startswith(RAW)]
    files = [link.removeprefix(BLOB) for link in links if link.startswith(BLOB)]
    assert pictures
    assert all(name.startswith("docs/images/") for name in pictures)
    assert files
    assert [name for name in (*pictures, *files) if not (ROOT / name).is_file()] == []
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    assert [link for link in shown if not link.startswith(RAW)] == []


def test_the_addresses_of_the_readme_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["urls"]) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert BLOB.startswith(project["urls"]["Source"] + "/")
    assert project["urls"]["Changelog"] == BLOB + "CHANGELOG.md"


def test_pictures_are_shown_somewhere_and_not_too_large():
    shown = "".join(p.read_text(encoding="utf-8") for p in (*PAGES, ROOT / "README.md"))
    pictures = [p for p in (DOCS / "images").rglob("*") if p.is_file() and p.suffix != ".svg"]
    assert [
        p.name for p in pictures if p.relative_to(DOCS / "images").as_posix() not in shown
    ] == []
    assert sum(p.stat().st_size for p in pictures) < 6_000_000
    assert (DOCS / "images" / "icon.svg").read_bytes() == (
        ROOT / "napari_isr/icon.svg"
    ).read_bytes()


def test_the_animated_picture_moves():
    with Image.open(DOCS / "images" / "session.webp") as picture:
        assert picture.n_frames > 30
    assert (DOCS / "images" / "session.webp").stat().st_size <= 1_500_000


@pytest.mark.parametrize("page", ["python.md", "export.md", "quickstart.md", "sessions.md"])
def test_the_python_of_the_pages_runs(page, scene, tmp_path, monkeypatch):
    image, scribbles, _ = scene
    scribbles = np.where(scribbles == 3, 0, scribbles)
    result = isr.segment(image, scribbles, "convex")
    monkeypatch.chdir(tmp_path)
    np.save("depth.npy", image[..., 0])
    Image.fromarray(image).save("cup.png")
    for name, labels in (("strokes.png", scribbles), ("mask.png", result.mask)):
        Image.fromarray(labels.astype(np.uint8)).save(name)
    names = {"image": image, "scribbles": scribbles, "result": result, "isr": isr}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_keys_of_the_page_are_those_of_the_code():
    pytest.importorskip("napari", reason="the keys are the dock's")
    from napari_isr.gui import keybindings as keys

    page = (DOCS / "keys.md").read_text(encoding="utf-8")
    for key in keys.TAKEN:
        assert f"`{keys.format_key(key)}`" in page, key
