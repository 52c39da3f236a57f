"""Check first words of docstrings and banned metaphors.

    python tools/check_english.py [FILE ...]

Without files, every tracked Python, Markdown, YAML and TOML file is checked. Rules are those of
CONTRIBUTING.md. Exit status 1 if a rule is broken.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FIRST_WORDS = re.compile(r"(What|Where|Whether|How|Let|Say|Tell|To)\b")
# A function's docstring begins with a verb: not with one of these.
NO_VERBS = re.compile(
    r"(A|An|The|This|That|These|Those|It|Its|Their|His|Which|Of|By|As|At|For|From|In|On|With|Without"
    r"|All|Every|Each|No|None|Not|One|Two|Also|And|Same|Other|Only|True|False|Number|Size|Name|Names"
    r"|Values?|Points?|Pixels?|Masks?|Probability|Probabilities|Coordinates?)\b"
)
PREDICATES = re.compile(r"_*(is|has|can|may|needs|accepts|fills|must|shows|should|was)_")

# Words of version 0.1 that named concepts by metaphors. A row: pattern, standard term.
METAPHORS = {
    r"news ?desk": "presenter",
    r"courtes(y|ies)": "repaint gate",
    r"\bfrost\b": "garbage collection control",
    r"errands?\b": "background tasks",
    r"\bglimpses?\b": "preview",
    r"\bbreathes?\b": "check_cancelled",
    r"\bsteadily\b": "in a worker thread",
    r"staying ?thread": "worker thread",
    r"rules of the house": "guidelines",
    r"\brooms?\b": "package",
    r"one ?painting": "repaint scheduler",
    r"\brescues?\b": "recovery",
    r"lookalikes\b": "similar superpixels",
}
ALLOWED = re.compile(r"headroom|bedroom", re.IGNORECASE)
# This list, texts of version 0.1 that must stay as they are, and simulated users of benchmarks.
SKIPPED = {"tools/check_english.py", "tests/compatibility/test_version_0_1.py"}


def docstring_faults(path: Path) -> Iterator[str]:
    """Yield a message for each docstring that begins with a forbidden word."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if not isinstance(node, kinds):
            continue
        text = ast.get_docstring(node) or ""
        name = getattr(node, "name", "module")
        found = FIRST_WORDS.match(text)
        if found is None and needs_verb(node) and "tests" not in path.parts:
            found = NO_VERBS.match(text)
        if found is None or (found[1] == "Whether" and PREDICATES.match(name)):
            continue
        line = getattr(node, "lineno", 1)
        yield f"{line}: docstring of '{name}' begins with '{found[1]}'"


def needs_verb(node: ast.AST) -> bool:
    """Return True for functions and methods that are no properties."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    names = [ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list]
    return not {"property", "cached_property", "fixture", "setter"} & {
        n.partition("(")[0] for n in names
    }


def metaphor_faults(path: Path) -> Iterator[str]:
    """Yield a message for each metaphor."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for pattern, term in METAPHORS.items():
            found = re.search(pattern, line, re.IGNORECASE)
            if found and not ALLOWED.search(line):
                yield f"{number}: '{found[0]}': write '{term}'"


def tracked_files() -> list[Path]:
    """List the tracked text files."""
    patterns = ("*.py", "*.md", "*.yaml", "*.yml", "*.toml")
    command = ["git", "ls-files", "-z", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in names.decode().split("\0") if name]


def main() -> int:
    """Print every fault and return the exit status."""
    paths = [Path(name).resolve() for name in sys.argv[1:]] or tracked_files()
    count = 0
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if name in SKIPPED or not path.is_file():
            continue
        faults = list(metaphor_faults(path))
        if path.suffix == ".py":
            faults += docstring_faults(path)
        for fault in faults:
            print(f"{name}:{fault}")
        count += len(faults)
    if count:
        print(f"{count} faults: see CONTRIBUTING.md, 'English'")
    return bool(count)


if __name__ == "__main__":
    sys.exit(main())
