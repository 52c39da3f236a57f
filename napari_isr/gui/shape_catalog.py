"""Catalog of shapes for the dock, which is displayed before the library is loaded.

The library needs torch, which takes a second to import. So the descriptions of the built-in shapes
are read from a file that ``tools/docs_tables.py`` writes. A test compares the file with the shapes.
Shapes of other packages are added as soon as the library is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["OPTION_ALIASES", "ShapeCard", "extend_catalog", "pose_options", "shape_catalog"]

CATALOG_FILE = Path(__file__).parent / "shape_catalog.json"
# Current names of options, keyed by names of version 0.1, which sessions and scripts contain.
OPTION_ALIASES = {"centre": "center"}


@dataclass(frozen=True)
class ShapeCard:
    """Facts about a shape that the dock displays.

    Parameters
    ----------
    title : str
        Name on the tile.
    hint : str
        One line that says when to choose the shape.
    icon : str
        SVG text, empty if there is none.
    pose_options : tuple of str
        Options that fix a pose, which handles on the canvas can move.
    """

    title: str
    hint: str
    icon: str = ""
    pose_options: tuple[str, ...] = ()


@cache
def shape_catalog() -> dict[str, ShapeCard]:
    """Return the cards of all known shapes, keyed by name, in the order of the tiles."""
    rows = json.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    return {
        name: ShapeCard(**{**row, "pose_options": tuple(row["pose_options"])})
        for name, row in rows.items()
    }


def extend_catalog(cards: Mapping[str, ShapeCard]) -> None:
    """Add the cards of shapes of other packages."""
    shape_catalog().update(cards)


def load_cards() -> dict[str, ShapeCard]:
    """Return the cards of all registered shapes; this imports torch."""
    from napari_isr.shapes.registry import describe_shape, pose_options, shape_names

    found = {}
    for name in shape_names():
        about = describe_shape(name)
        found[name] = ShapeCard(about.title, about.hint, about.icon_text(), pose_options(name))
    return found


def pose_options() -> set[str]:
    """Return the names of all options that fix a pose."""
    return {option for card in shape_catalog().values() for option in card.pose_options}
