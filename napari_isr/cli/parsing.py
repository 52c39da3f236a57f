"""Parsers of option values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import CoordinateMap
from napari_isr.io.readers import read_array

__all__ = [
    "Axes",
    "Coordinate",
    "Device",
    "Each",
    "Embed",
    "Keep",
    "Name",
    "Out",
    "PerFrame",
    "Report",
    "Scale",
    "Seed",
    "Spacing",
    "Unit",
    "check_per_frame",
    "check_unused_weights",
    "limit_torch_threads",
    "load_object_unaries",
    "load_unaries",
    "parse_numbers",
    "parse_shapes",
    "parse_spacing",
    "read_coordinates",
]

LABELS = 31  # whole numbers up to it are labels of objects, larger ones grey values
Out = Annotated[
    list[Path],
    typer.Option(
        "--output",
        "-o",
        help="Its ending picks the format: .png, .tif, .npz, .json, .geojson, .zip, .svg, .csv "
        "or another (see Export). May be given again",
    ),
]
Keep = Annotated[
    Path | None, typer.Option("--save-session", help="Keep all for later: .isr, see Sessions")
]
Embed = Annotated[bool, typer.Option("--embed", help="Put the image into the session's file")]
Each = Annotated[bool, typer.Option("--each", help="One file for each object: mask-2.png, ...")]
Name = Annotated[
    list[str] | None, typer.Option(help="Name of an object: 2=apple. May be given again")
]
Unit = Annotated[str, typer.Option(help="Unit of the spacing, for example um")]
Report = Annotated[Path | None, typer.Option(help="Write what was found as JSON")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps or xpu")]
Seed = Annotated[int, typer.Option(help="Same seed, same result")]
Spacing = Annotated[
    str,
    typer.Option(help="Distance of pixel centres, one per axis: 0.5,0.5; of time: auto,0.5,0.5"),
]
PerFrame = Annotated[
    bool, typer.Option("--per-frame", help="Fit each frame of a sequence by itself")
]
Axes = Annotated[str | None, typer.Option(help="What the axes are: yx, zyx, tyx or tzyx")]
Coordinate = Annotated[
    list[str] | None,
    typer.Option(
        help="A map as a further coordinate: depth=FILE, or depth:2=FILE to count twice as much. "
        "May be given again"
    ),
]
Scale = Annotated[str, typer.Option(help="Output pixels per input pixel: 4, or one per axis: 1,4")]


def check_unused_weights(features: tuple[str, ...], **options: Any) -> None:
    """Raise an InputError if an option is given that is for features which are not used."""
    for option, given in options.items():
        block = "semantic" if option == "weights" else "dino"
        if given and block not in features:
            raise InputError(
                f"--{option} is for the features '{block}', which are not used here: name them "
                "in --features, or leave it out"
            )


def load_unaries(path: Path, axes: str | None = None) -> Any:
    """Read probabilities or a mask, or a label image: small whole numbers."""
    from napari_isr.io.readers import read_array, scale_to_probability
    from napari_isr.io.sequences import read_sequence

    array = read_sequence(path, read_array, axes)
    # As probabilities in 256 steps, numbers that small would all mean background.
    if array.dtype.kind in "ui" and 1 < array.max(initial=0) <= LABELS:
        return array
    return scale_to_probability(array, path)


def load_object_unaries(texts: list[str], axes: str | None = None) -> dict[int, Any]:
    """Read ``--given 3=mask.png``: masks or probabilities of single objects, by label.

    Raises
    ------
    InputError
        If a label is no object's or given twice, or a file cannot be used.
    """
    from napari_isr.io.readers import read_probability
    from napari_isr.io.sequences import read_sequence
    from napari_isr.scribbles import FIRST_OBJECT

    found: dict[int, Any] = {}
    for text in texts:
        label, equals, path = text.partition("=")
        if not equals or not label.strip().isdecimal() or int(label) < FIRST_OBJECT:
            raise InputError(
                f"--given {text}: write the object's label, 2 or more, and a file, "
                "for example 3=mask.png"
            )
        if int(label) in found:
            raise InputError(f"--given {text}: object {int(label)} is given twice")
        found[int(label)] = read_sequence(Path(path), read_probability, axes)
    return found


def parse_shapes(texts: list[str]) -> dict[int | None, str]:
    """Read ``--shape convex --shape 3=none``; None stands for all labels.

    Raises
    ------
    InputError
        If a label is not a whole number.
    """
    from napari_isr.shapes.registry import ShapeSpec

    shapes: dict[int | None, str] = {}
    for text in texts:
        label, equals, name = text.partition("=")
        if equals and ":" not in label:
            if not label.strip().isdecimal():
                raise InputError(f"--shape {text}: '{label}' is no label; write for example 3=none")
            shapes[int(label)] = name
        else:
            shapes[None] = name = text
        ShapeSpec.parse(name)
    return shapes


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Read numbers separated by commas.

    Raises
    ------
    InputError
        If one of them is not a positive number.
    """
    try:
        numbers = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"{option} {text}: write numbers separated by commas") from None
    if any(not 0 < number < float("inf") for number in numbers):
        raise InputError(f"{option} {text}: the numbers must be positive")
    return numbers


def parse_spacing(text: str, axes: str | None) -> tuple[float | None, ...]:
    """Read the spacing; that of time, the first one, may be ``auto``.

    Raises
    ------
    InputError
        If one of them is not a positive number.
    """
    first, comma, rest = text.partition(",")
    if first.strip() != "auto":
        return parse_numbers("--spacing", text)
    if axes is None or not axes.startswith("t") or not comma:
        raise InputError(f"--spacing {text}: only that of time may be auto, with --axes tyx")
    return (None, *parse_numbers("--spacing", rest))


def check_per_frame(axes: str | None, per_frame: bool) -> None:
    """Raise an InputError if frames are asked for where there are none."""
    if per_frame and (axes is None or not axes.startswith("t")):
        raise InputError("--per-frame is for sequences: add --axes tyx, with the time first")


def limit_torch_threads() -> None:
    """Leave half of the cores: the work is many small steps, and waiting threads slow it down."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))


def read_coordinates(texts: Sequence[str]) -> dict[str, CoordinateMap]:
    """Read ``NAME=FILE``, ``NAME:WEIGHT=FILE`` or ``NAME:WEIGHT:UNIT=FILE``.

    Parameters
    ----------
    texts : sequence of str
        One for each coordinate; files of one number for each pixel.

    Returns
    -------
    dict of str to Coordinate

    Raises
    ------
    InputError
        If a text is not of that form, a name is given twice, or a file cannot be used.

    Examples
    --------
    >>> read_coordinates(["depth"])
    Traceback (most recent call last):
    ...
    napari_isr.errors.InputError: --coordinate depth: write NAME=FILE or NAME:WEIGHT=FILE, for \
example depth=depth.png or depth:2=depth.png
    """
    found: dict[str, CoordinateMap] = {}
    for text in texts:
        head, equals, path = text.partition("=")
        name, *more = (part.strip() for part in head.split(":"))
        if not equals or not path or not name or len(more) > 2:
            raise _malformed(text)
        if name in found:
            raise InputError(f"--coordinate {text}: '{name}' is given twice")
        try:
            weight = float(more[0]) if more and more[0] else 1.0
        except ValueError:
            raise _malformed(text) from None
        found[name] = CoordinateMap(read_array(Path(path)), weight, *more[1:])
    return found


def _malformed(text: str) -> InputError:
    return InputError(
        f"--coordinate {text}: write NAME=FILE or NAME:WEIGHT=FILE, for example depth=depth.png "
        "or depth:2=depth.png"
    )
