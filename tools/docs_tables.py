"""Write the files that are generated from the code.

    python tools/docs_tables.py [--check]

These are the pages of the shape options and of the command line, the catalog of shapes that the
dock displays, and the menu commands of the shapes in the manifest. With ``--check`` nothing is
written, and the exit status says whether a file is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typer.main import get_command

from napari_isr.cli.app import app
from napari_isr.gui.shape_catalog import load_cards
from napari_isr.shapes.registry import NONE, ShapeSpec, describe_shape, pose_options, shape_names

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CATALOG, MANIFEST = "napari_isr/gui/shape_catalog.json", "napari_isr/napari.yaml"
MADE = "<!-- Made by tools/docs_tables.py: change it there. -->\n"


def built_in_shapes() -> list[str]:
    """Return the shapes of this package, without those of installed extensions."""
    return [n for n in shape_names() if n != NONE and describe_shape(n).position < 100]


def options_page() -> str:
    """Return all shapes with their options, from the models that check them."""
    lines = [
        "# Options of the shapes",
        "",
        MADE,
        "Options follow the name after a colon, with commas: `star:center=120/88,harmonics=12`.",
        "In the dock they are the fields under the chosen shape. What is not given is found by the",
        "fit. A name or value that is not known is one sentence that names the nearest.",
    ]
    for name in built_in_shapes():
        lines += ["", f"## `{name}`", "", describe_shape(name).hint, ""]
        lines += ["| option | default | what it is |", "|---|---|---|"]
        for key, default, told in options_of(name):
            lines.append(f"| `{key}` | {default} | {told} |")
    return "\n".join(lines) + "\n"


def options_of(name: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and description of each option of a shape."""
    fields = type(ShapeSpec.parse(name).options).model_fields
    for key, field in fields.items():
        unset = "found" if key in pose_options(name) else "by dimension"
        default = unset if field.default is None else f"`{str(field.default).lower()}`"
        yield key, default, cell(field.description or "")


def commands_page() -> str:
    """Return the command line reference from its parser."""
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
    """Format one argument or option as a line of a table."""
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


def catalog() -> str:
    """Return the catalog of the built-in shapes, which the dock reads without torch."""
    names = (NONE, *built_in_shapes())
    cards = {name: asdict(card) for name, card in load_cards().items() if name in names}
    return json.dumps(cards, indent=1, ensure_ascii=False) + "\n"


def manifest() -> str:
    """Return the manifest with the menu commands of the built-in shapes."""
    commands, items = "", ""
    for index, name in enumerate(built_in_shapes(), start=1):
        command = name.replace("+", "_")
        commands += (
            f"    - id: napari-isr.make.{command}\n"
            f"      title: Make this mask {describe_shape(name).adjective}\n"
            f"      python_name: napari_isr.gui.menu_actions:make_{command}\n"
            "      enablement: *mask\n"
        )
        group = "2_two" if "+" in name else "1_one"
        items += f"      - command: napari-isr.make.{command}\n        group: {group}@{index}\n"
    # The first command defines the expression to which the others refer.
    commands = commands.replace("*mask", f"&mask {ENABLEMENT}", 1)
    text = (ROOT / MANIFEST).read_text(encoding="utf-8")
    text = re.sub(r"(    - id: napari-isr\.make\.\w+\n(?: {6}.*\n)+)+", lambda _: commands, text)
    return re.sub(r"( +- command: napari-isr\.make\.\w+\n(?: {8}.*\n)*)+", lambda _: items, text)


ENABLEMENT = (
    '(active_layer_type == "labels") or (active_layer_type == "image" and not active_layer_is_rgb)'
)
PAGES = {"options.md": options_page, "commands.md": commands_page}
FILES = {
    **{f"docs/{name}": make for name, make in PAGES.items()},
    CATALOG: catalog,
    MANIFEST: manifest,
}


def main() -> None:
    """Write the pages, or look whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for name, make in FILES.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"stale: {', '.join(stale)}; run python tools/docs_tables.py")


if __name__ == "__main__":
    main()
