"""Write the pages of the documentation that are made from the code: shape options, command line.

    python tools/docs_tables.py [--check]

With ``--check`` nothing is written, and the exit status says whether a page is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from napari_isr.cli.app import app
from napari_isr.shapes.registry import NONE, ShapeSpec, shape_names

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLACES = ("center", "axis", "lattice")
MADE = "<!-- Made by tools/docs_tables.py: change it there. -->\n"


def options_page() -> str:
    """All shapes with their options, from the models that check them."""
    lines = [
        "# Options of the shapes",
        "",
        MADE,
        "Options follow the name after a colon, with commas: `star:center=120/88,harmonics=12`.",
        "In the dock they are the fields under the chosen shape. What is not given is found by the",
        "fit. A name or value that is not known is one sentence that names the nearest.",
    ]
    for name in shape_names():
        if name == NONE:
            continue
        lines += ["", f"## `{name}`", "", "| option | default | what it is |", "|---|---|---|"]
        for key, default, told in options_of(name):
            lines.append(f"| `{key}` | {default} | {told} |")
    return "\n".join(lines) + "\n"


def options_of(name: str) -> Iterator[tuple[str, str, str]]:
    """Name, default and description of each option of a shape."""
    fields = type(ShapeSpec.parse(name).options).model_fields
    for key, field in fields.items():
        unset = "found" if key in PLACES else "by dimension"
        default = unset if field.default is None else f"`{str(field.default).lower()}`"
        yield key, default, cell(field.description or "")


def commands_page() -> str:
    """The command line, from what it parses."""
    root = get_command(app)
    lines = ["# Every option of the command line", "", MADE]
    for name, command in root.commands.items():
        arguments, options = [], []
        for item in command.params:
            if item.name != "help":
                (arguments if item.param_type_name == "argument" else options).append(item)
        names = " ".join((item.metavar or item.name).upper() for item in arguments)
        lines += [
            f"## `napari-isr {name}`",
            "",
            cell(command.help or ""),
            "",
            "```",
            f"napari-isr {name} {names} [OPTIONS]".replace("  ", " "),
            "```",
            "",
        ]
        if arguments or options:
            lines += ["| | default | what it is |", "|---|---|---|"]
            lines += [row(item) for item in (*arguments, *options)] + [""]
    return "\n".join(lines)


def row(item: Any) -> str:
    """One argument or option as a line of a table."""
    if item.param_type_name == "argument":
        name = f"`{(item.metavar or item.name).upper()}`"
    else:
        name = ", ".join(f"`{text}`" for text in (*item.opts, *item.secondary_opts))
    unset = item.default in (None, "", ()) or item.required or "Sentinel" in repr(item.default)
    default = "" if unset else f"`{str(item.default).lower()}`"
    return f"| {name} | {'needed' if item.required else default} | {cell(item.help or '')} |"


def cell(text: str) -> str:
    """Text that keeps a table in form."""
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"options.md": options_page, "commands.md": commands_page}


def main() -> None:
    """Write the pages, or look whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"stale: {', '.join(stale)}; run python tools/docs_tables.py")


if __name__ == "__main__":
    main()
