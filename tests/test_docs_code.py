"""The code blocks of the README and of the documentation run as printed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests._cli import cli

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", DOCS / "glossary.md"]
SLOW = {"batch.md", "python.md"}
LANGUAGES = {"python", "bash", "text", "json", "yaml", "toml"}

FENCE = re.compile(
    r"(?:^<!-- not run:(?P<reason>.*?)-->\s*\n+)?^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
MARK = re.compile(r"<!-- not run:")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``reason`` is None if the block must run."""

    language: str
    code: str
    line: int
    reason: str | None


def blocks_of(text):
    """Fenced blocks of a page, in order."""
    blocks = []
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("code"))
        reason = found["reason"]
        reason = None if reason is None else reason.strip()
        blocks.append(Block(found["language"], found["code"], line, reason))
    return blocks


def commands_of(code):
    """Command lines of a shell block, without comments and with continued lines joined."""
    joined = code.replace("\\\n", " ")
    return [words for line in joined.splitlines() if (words := shlex.split(line, comments=True))]


def parameters():
    for page in PAGES:
        name = page.name if page.parent == ROOT else page.relative_to(DOCS).as_posix()
        marks = [pytest.mark.slow] if name in SLOW else []
        yield pytest.param(page, id=name, marks=marks)


def run_python(block, page, namespace):
    # Empty lines in front give tracebacks the line numbers of the page.
    source = "\n" * block.line + block.code
    exec(compile(source, page.name, "exec"), namespace)


def run_shell(block, page):
    for words in commands_of(block.code):
        where = f"{page.name}:{block.line}: {shlex.join(words)}"
        assert words[0] == "napari-isr", f"{where}: mark the block with a reason not to run it"
        assert cli(*words[1:]) == 0, where


@pytest.mark.parametrize("page", list(parameters()))
def test_code_of_the_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.reason is not None:
            continue
        if block.language == "python":
            run_python(block, page, namespace)
        elif block.language == "bash":
            run_shell(block, page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_name_their_language_and_marks_their_reason(page):
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert text.count("```") == 2 * len(blocks)
    assert {block.language for block in blocks} <= LANGUAGES
    marked = [block for block in blocks if block.reason is not None]
    assert len(MARK.findall(text)) == len(marked), "a mark stands in front of no block"
    for block in marked:
        assert block.language in {"python", "bash"}, f"line {block.line} needs no mark"
        assert len(block.reason.split()) >= 3, f"line {block.line}: say why it does not run"


def test_blocks_are_found_with_their_marks():
    text = "a\n\n```python\nx = 1\n```\n\n<!-- not run: needs a display -->\n\n```bash\nmake\n```\n"
    first, second = blocks_of(text)
    assert (first.language, first.code, first.line, first.reason) == ("python", "x = 1\n", 3, None)
    assert (second.language, second.reason) == ("bash", "needs a display")


def test_continued_shell_lines_are_joined():
    code = "napari-isr segment a.png b.png \\\n    -o c.png  # a comment\n\n# nothing\n"
    assert commands_of(code) == [["napari-isr", "segment", "a.png", "b.png", "-o", "c.png"]]
