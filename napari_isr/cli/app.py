"""Commands ``project``, ``export``, ``demo`` and ``info``, and the entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_isr.atomic_files import check_file_writable
from napari_isr.cli.batch import batch
from napari_isr.cli.output import check_outputs, parse_names, write_result, write_session_file
from napari_isr.cli.parsing import (
    Axes,
    Coordinate,
    Device,
    Each,
    Embed,
    Keep,
    Name,
    Out,
    PerFrame,
    Report,
    Scale,
    Spacing,
    Unit,
    check_per_frame,
    limit_torch_threads,
    parse_numbers,
    parse_spacing,
)
from napari_isr.cli.segment import segment
from napari_isr.errors import InputError

__all__ = ["app", "limit_torch_threads", "main"]

app = typer.Typer(
    name="napari-isr",
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Typer may carry a click of its own, so the class is found through what typer exports.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


@app.callback(invoke_without_command=True)
def _main_callback(context: typer.Context) -> None:
    """Scribble segmentation whose masks have a guaranteed shape."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command()(segment)


app.command()(batch)


@app.command()
def project(
    unaries: Annotated[Path, typer.Argument(help="Probability or mask image", show_default=False)],
    output: Out,
    shape: Annotated[str, typer.Option(help="For example convex or convex:pieces=24")] = "convex",
    axes: Axes = None,
    per_frame: PerFrame = False,
    spacing: Spacing = "",
    coordinate: Coordinate = None,
    device: Device = "auto",
    scale: Scale = "1",
    each: Each = False,
    name: Name = None,
    unit: Unit = "",
    save_session: Keep = None,
    embed: Embed = False,
    report: Report = None,
) -> None:
    """Find the shape nearest to a probability map or mask."""
    check_outputs(output, report)
    if save_session is not None:
        check_file_writable(save_session)
    check_per_frame(axes, per_frame)
    factors, names = parse_numbers("--scale", scale), parse_names(name or [])
    limit_torch_threads()
    from napari_isr.api import project as run
    from napari_isr.cli.parsing import read_coordinates
    from napari_isr.io.readers import read_probability
    from napari_isr.io.sequences import read_sequence

    result = run(
        read_sequence(unaries, read_probability, axes),
        shape,
        axes=axes,
        per_frame=per_frame,
        spacing=parse_spacing(spacing, axes),
        coordinates=read_coordinates(coordinate or []),
        device=device,
    )
    about: dict[str, Any] = {"names": names, "unit": unit, "axes": axes, "image": unaries.name}
    write_result(result, output, factors, report, each=each, **about)
    if save_session is not None:
        write_session_file(save_session, result, unaries, embed, names=names, unit=unit, axes=axes)


@app.command()
def export(
    session: Annotated[Path, typer.Argument(help="What --save-session or the dock wrote: .isr")],
    output: Out,
    scale: Scale = "1",
    each: Each = False,
    name: Name = None,
    report: Report = None,
) -> None:
    """Write masks, outlines and tables from a session, without fitting again."""
    check_outputs(output, report)
    factors, names = parse_numbers("--scale", scale), parse_names(name or [])
    limit_torch_threads()
    from napari_isr.io.session import load_session

    kept = load_session(session)
    if kept.result is None:
        why = kept.lost or "it holds no result yet: fit it in the dock first"
        raise InputError(f"nothing can be exported from the session '{session}': {why}")
    about: dict[str, Any] = {
        "names": {**kept.object_names, **names},
        "unit": kept.unit,
        "axes": kept.axes,
    }
    about |= {"image": kept.snapshot.image.name, "strokes": kept.strokes}
    write_result(kept.result, output, factors, report, each=each, **about)


@app.command()
def demo(
    sample: Annotated[str, typer.Option(help="Which sample: see napari-isr info")] = "fruit",
    folder: Annotated[Path, typer.Option(help="Where the three files go")] = Path("demo"),
    gui: Annotated[bool, typer.Option("--gui", help="Open napari with the sample")] = False,
) -> None:
    """Segment a bundled sample, or open it in napari."""
    if gui:
        _launch_gui(sample)
        return
    limit_torch_threads()
    from napari_isr.cli.demo import run_demo

    for line in run_demo(sample, folder):
        typer.echo(line)


@app.command()
def info() -> None:
    """Print versions, devices, shapes, predictors, features and samples."""
    import torch

    from napari_isr.data import SAMPLES
    from napari_isr.device import resolve_device
    from napari_isr.features import describe_semantic_source, feature_names
    from napari_isr.io.export import known_extensions
    from napari_isr.predictors import predictor_names
    from napari_isr.results.result import package_versions
    from napari_isr.shapes.registry import shape_names

    try:
        source = describe_semantic_source()
    except InputError as error:  # the variable names a file that does not exist
        source = str(error)
    for name, version in package_versions().items():
        typer.echo(f"{name}: {version}")
    typer.echo(f"device: {resolve_device('auto')} ({torch.get_num_threads()} threads)")
    for title, names in (
        ("shapes", shape_names()),
        ("predictors", predictor_names()),
        ("features", feature_names()),
        ("semantic features", [source]),
        ("samples", list(SAMPLES)),
        ("writes", known_extensions()),
    ):
        typer.echo(f"{title}: {', '.join(names)}")


def _launch_gui(sample: str) -> None:
    """Open napari with a sample and the dock."""
    try:
        from napari_isr.gui.launch import launch_demo
    except ImportError as error:
        raise InputError(
            f"the window needs napari and Qt ({error}): pip install 'napari-isr[all]'"
        ) from None
    launch_demo(sample)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends with status 2 and one line on stderr."""
    sys.exit(_status(lambda: app(args=arguments, standalone_mode=False)))


def _status(run: Callable[[], Any]) -> int:
    try:
        result = run()
    except InputError as error:
        return _complain(str(error))
    except _UsageError as error:
        return _complain(error.format_message())
    except typer.Abort:
        return _complain("stopped")
    return result if isinstance(result, int) else 0


def _complain(sentence: str) -> int:
    line = " ".join(sentence.split())
    typer.echo(f"napari-isr: {line}", err=True)
    return 2
