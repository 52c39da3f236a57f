"""Command ``napari-isr batch``."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_isr.errors import InputError

__all__ = ["batch"]

FAILED, STOPPED = 1, 130  # exit status; 130 is what shells say of Ctrl-C


def batch(
    images: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, patterns in quotes, zarr stores (OME-Zarr too)",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; made if need be")],
    strokes: Annotated[
        Path | None,
        typer.Option(
            help="Folder of label images named after the images: cup.png, cup-strokes.png"
        ),
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option(help="Use what this session learned, its shapes, names and spacing: .isr"),
    ] = None,
    trained: Annotated[
        Path | None, typer.Option(help="Use what --save-trained wrote for another image")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="Ending of the files: png, tif, geojson, json ... (see Export). May be given "
            "again; default: png",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one for each core")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Use a dask cluster that is there: tcp://host:8786")
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Shape of all objects, or of one: 3=none. May be given again"),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="auto, sequential or joint")] = None,
    predictor: Annotated[str, typer.Option(help="auto, linear, fcn, cnn or unet")] = "auto",
    features: Annotated[str, typer.Option(help="As for segment")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Weights file of the semantic features")
    ] = None,
    dino: Annotated[Path | None, typer.Option(help="Weights file of the dino features")] = None,
    axes: Annotated[
        str | None, typer.Option(help="What the axes are: yx, zyx, tyx or tzyx")
    ] = None,
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Fit each frame of a sequence by itself")
    ] = False,
    spacing: Annotated[str, typer.Option(help="Distance of pixel centres, one per axis")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps or xpu")] = "auto",
    seed: Annotated[int, typer.Option(help="Same seed, same result")] = 0,
    scale: Annotated[
        str, typer.Option(help="Output pixels per input pixel: 4, or one per axis: 1,4")
    ] = "1",
    each: Annotated[
        bool, typer.Option("--each", help="One file for each object: cup-2.png, ...")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="Name of an object: 2=apple. May be given again")
    ] = None,
    unit: Annotated[str, typer.Option(help="Unit of the spacing, for example um")] = "",
) -> int:
    """Segment many images, each with its strokes or by what was learned on another one."""
    from napari_isr.cli.output import parse_names
    from napari_isr.cli.parsing import (
        check_per_frame,
        parse_numbers,
        parse_shapes,
        parse_spacing,
    )

    check_per_frame(axes, per_frame)
    shapes = parse_shapes(shape or [])
    # What is not asked for may be told by the session.
    asked: dict[str, Any] = {
        "shape": shapes.get(None),
        "own_shapes": {label: text for label, text in shapes.items() if label is not None},
        "mode": mode,
        "axes": axes,
        "spacing": parse_spacing(spacing, axes),
        "names": parse_names(name or []),
        "unit": unit,
        "weights": _text(weights),
        "dino": _text(dino),
    }
    check_workers(workers, scheduler)
    from napari_isr.batch import run_batch

    settings = {key: value for key, value in asked.items() if value}
    settings |= {"predictor": predictor, "features": features, "per_frame": per_frame}
    settings |= {"device": device, "seed": seed, "each": each}
    settings |= {"scale": parse_numbers("--scale", scale)}
    install_sigterm_handler()
    try:
        result = run_batch(
            images,
            out,
            strokes=strokes,
            session=session,
            trained=trained,
            formats=formats or ["png"],
            workers=workers,
            scheduler=scheduler,
            progress=True,
            **settings,
        )
    except KeyboardInterrupt:
        typer.echo("napari-isr: stopped; the same command goes on from here", err=True)
        return STOPPED
    typer.echo(result.message)
    typer.echo(f"look at {result.report}, count with {result.summary}")
    for record in result.by_status("failed"):
        typer.echo(f"napari-isr: {record['name']}: {record['error']}", err=True)
    return FAILED if result.by_status("failed") else 0


def check_workers(workers: int | None, scheduler: str | None) -> None:
    """Raise an InputError if processes are asked for where others are used."""
    if workers is not None and scheduler is not None:
        raise InputError(
            "--workers and --scheduler are both given: a scheduler has its own workers"
        )


def install_sigterm_handler() -> None:
    """Install a handler that treats SIGTERM as Ctrl-C."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())
