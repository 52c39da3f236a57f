"""Colors of labels, the same in every format."""

from __future__ import annotations

__all__ = ["label_color", "label_hex", "palette_bytes"]

Color = tuple[int, int, int]

BACKGROUND = (0, 0, 0)
STROKE = (232, 236, 242)  # of label 1, the background's strokes
# The eight colours of the dock's strokes, told apart with any colour vision.
OBJECTS: tuple[Color, ...] = (
    (255, 225, 77), (162, 116, 162), (46, 139, 93), (232, 70, 0),
    (139, 185, 93), (255, 162, 255), (162, 255, 185), (232, 0, 232),
)  # fmt: skip


def label_color(label: int) -> Color:
    """Colour of a label, 8-bit RGB; colours come again after eight objects.

    Examples
    --------
    >>> colour_of(2)
    (255, 225, 77)
    """
    if label < 2:
        return STROKE if label == 1 else BACKGROUND
    return OBJECTS[(label - 2) % len(OBJECTS)]


def label_hex(label: int) -> str:
    """Colour of a label as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*label_color(label))


def palette_bytes() -> list[int]:
    """Colours of the labels 0 to 255 one after the other: 768 numbers."""
    return [part for label in range(256) for part in label_color(label)]
