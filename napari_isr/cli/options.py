"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
]

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
