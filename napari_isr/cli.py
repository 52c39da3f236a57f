"""The command line: segment, batch, project, export, demo, info."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from napari_isr.atomic import check_target
from napari_isr.batch_command import batch
from napari_isr.errors import InputError
from napari_isr.outputs import check_outputs, keep_session, parse_names, write_result

__all__ = ["app", "main"]

app = typer.Typer(
    name="napari-isr",
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Typer may carry a click of its own, so the class is found through what typer exports.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

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
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
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


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Scribble segmentation whose masks have a guaranteed shape."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def segment(
    image: Annotated[
        Path, typer.Argument(help="Image file, or a folder as zarr", show_default=False)
    ],
    output: Out,
    scribbles: Annotated[
        Path | None,
        typer.Argument(
            help="Label image: 0 unlabelled, 1 background, 2, 3, ... objects; or lines as "
            ".geojson; may be left out with --trained"
        ),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Shape of all objects, or of one: 3=none. May be given again"),
    ] = None,
    mode: Annotated[str, typer.Option(help="auto, sequential or joint")] = "auto",
    predictor: Annotated[str, typer.Option(help="auto, linear, fcn, cnn or unet")] = "auto",
    features: Annotated[
        str,
        typer.Option(help="auto, or of rgb,spatial,texture,semantic,spectral,dino,nearness,edges"),
    ] = "auto",
    unaries: Annotated[
        Path | None, typer.Option(help="Probability, mask or label image, instead of a predictor")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(help="Mask or probabilities of one object: 3=mask.png. May be given again"),
    ] = None,
    trained: Annotated[
        Path | None, typer.Option(help="Go on from what --save-trained wrote for another image")
    ] = None,
    save_trained: Annotated[
        Path | None, typer.Option(help="Write what was learned, for other images: .safetensors")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights file of the semantic features")
    ] = None,
    dino: Annotated[Path | None, typer.Option(help="Weights file of the dino features")] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the weights of the dino features if need be")
    ] = False,
    cache: Annotated[bool, typer.Option(help="Keep computed features for the next time")] = True,
    memory: Annotated[
        float | None,
        typer.Option(help="Megabytes that pixels may take; 256 for images read in parts"),
    ] = None,
    axes: Axes = None,
    per_frame: PerFrame = False,
    spacing: Spacing = "",
    coordinate: Coordinate = None,
    device: Device = "auto",
    seed: Seed = 0,
    scale: Scale = "1",
    each: Each = False,
    name: Name = None,
    unit: Unit = "",
    save_session: Keep = None,
    embed: Embed = False,
    report: Report = None,
    uncertainty: Annotated[
        Path | None, typer.Option(help="Write the uncertainty (entropy in bits) as .tif or .npy")
    ] = None,
) -> None:
    """Segment objects from a few strokes."""
    check_outputs(output, report, uncertainty)
    for kept in (save_trained, save_session):
        if kept is not None:
            check_target(kept)
    if scribbles is None and trained is None:
        raise InputError("there are no strokes: name SCRIBBLES after IMAGE, or --trained FILE")
    check_time(axes, per_frame)
    shapes, factors = parse_shapes(shape or []), parse_numbers("--scale", scale)
    names = parse_names(name or [])
    use_some_cores()
    from napari_isr.api import check_axes, one_by_one
    from napari_isr.coordinate_files import read_coordinates
    from napari_isr.features import FeatureCache, default_folder, parse_features
    from napari_isr.frame_files import read_frames
    from napari_isr.lazy import levels_of
    from napari_isr.reading import read_lazy
    from napari_isr.segmenter import Segmenter, shapes_by_label
    from napari_isr.shapes.registry import ShapeSpec
    from napari_isr.stroke_files import drawn_strokes, read_strokes
    from napari_isr.strokes import Strokes
    from napari_isr.trained import Trained

    learned, objects = (
        None if trained is None else Trained.load(trained),
        read_given(given or [], axes),
    )
    picture = read_frames(image, read_lazy, axes)
    whole = levels_of(picture)[0].shape
    strokes = None if scribbles is None else read_strokes(scribbles, axes, whole)
    ndim = len(strokes.shape) if strokes is not None else cast("Trained", learned).ndim
    check_axes(axes, ndim)
    labels = sorted(
        {
            *(strokes.objects if strokes else ()),
            *(learned.objects if learned else ()),
            *objects,
        }
    )
    chosen: dict[int, str | ShapeSpec] = dict.fromkeys(labels, shapes.get(None, "convex"))
    chosen.update({label: name for label, name in shapes.items() if label is not None})
    shapes_by_label(chosen, labels)
    if per_frame:
        chosen = {label: one_by_one(name) for label, name in chosen.items()}
    used = parse_features(features, ndim) if unaries is None else ()
    used = learned.features if learned is not None else used
    check_files_are_used(used, weights=weights, dino=dino, download=download)
    segmenter = Segmenter(
        picture,
        ndim=ndim,
        axes=axes,
        mode=mode,
        predictor=predictor,
        features=features,
        spacing=parse_spacing(spacing, axes),
        coordinates=read_coordinates(coordinate or []),
        device=device,
        seed=seed,
        unaries=None if unaries is None else read_unaries(unaries, axes),
        weights=weights,
        dino=dino,
        download=download,
        cache=FeatureCache(default_folder() if cache else None),
        trained=learned,
        memory=memory,
    )
    for _ in segmenter.run(strokes or Strokes.none(segmenter.frame.shape), chosen, objects):
        pass
    result = segmenter.result
    if save_trained is not None:
        segmenter.trained().save(save_trained)
    about: dict[str, Any] = {"names": names, "unit": unit, "axes": axes, "image": image.name}
    drawn = None if scribbles is None else drawn_strokes(scribbles)
    about |= {"strokes": drawn, "uncertainty": uncertainty}
    write_result(result, output, factors, report, each=each, **about)
    if save_session is not None:
        asked = {"predictor": predictor, "features": features, "mode": mode}
        keep_session(
            save_session,
            segmenter,
            image,
            embed,
            scribbles=drawn,
            given=objects,
            settings=asked,
            names=names,
            unit=unit,
            axes=axes,
        )
    if result.next_stroke is not None:
        typer.echo(result.next_stroke.sentence)


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
        check_target(save_session)
    check_time(axes, per_frame)
    factors, names = parse_numbers("--scale", scale), parse_names(name or [])
    use_some_cores()
    from napari_isr.api import project as run
    from napari_isr.coordinate_files import read_coordinates
    from napari_isr.frame_files import read_frames
    from napari_isr.reading import read_probability

    result = run(
        read_frames(unaries, read_probability, axes),
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
        keep_session(save_session, result, unaries, embed, names=names, unit=unit, axes=axes)


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
    use_some_cores()
    from napari_isr.session import load_session

    kept = load_session(session)
    if kept.result is None:
        raise InputError(f"the session '{session}' holds no result yet: fit it in the dock first")
    about: dict[str, Any] = {"names": {**kept.names, **names}, "unit": kept.unit, "axes": kept.axes}
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
        open_window(sample)
        return
    use_some_cores()
    from napari_isr.demo import run_demo

    for line in run_demo(sample, folder):
        typer.echo(line)


@app.command()
def info() -> None:
    """Print versions, devices, shapes, predictors, features and samples."""
    import torch

    from napari_isr.device import resolve_device
    from napari_isr.export import endings
    from napari_isr.features import feature_names, semantic_source
    from napari_isr.predictors import predictor_names
    from napari_isr.results import versions
    from napari_isr.samples import SAMPLES
    from napari_isr.shapes.registry import shape_names

    try:
        source = semantic_source()
    except InputError as error:  # the variable names a file that does not exist
        source = str(error)
    for name, version in versions().items():
        typer.echo(f"{name}: {version}")
    typer.echo(f"device: {resolve_device('auto')} ({torch.get_num_threads()} threads)")
    for title, names in (
        ("shapes", shape_names()),
        ("predictors", predictor_names()),
        ("features", feature_names()),
        ("semantic features", [source]),
        ("samples", list(SAMPLES)),
        ("writes", endings()),
    ):
        typer.echo(f"{title}: {', '.join(names)}")


def check_files_are_used(features: tuple[str, ...], **options: Any) -> None:
    """Raise an InputError if an option is given that is for features which are not used."""
    for option, given in options.items():
        block = "semantic" if option == "weights" else "dino"
        if given and block not in features:
            raise InputError(
                f"--{option} is for the features '{block}', which are not used here: name them "
                "in --features, or leave it out"
            )


def read_unaries(path: Path, axes: str | None = None) -> Any:
    """Read probabilities or a mask, or a label image: small whole numbers."""
    from napari_isr.frame_files import read_frames
    from napari_isr.reading import read_array, to_probability

    array = read_frames(path, read_array, axes)
    # As probabilities in 256 steps, numbers that small would all mean background.
    if array.dtype.kind in "ui" and 1 < array.max(initial=0) <= LABELS:
        return array
    return to_probability(array, path)


def read_given(texts: list[str], axes: str | None = None) -> dict[int, Any]:
    """Read ``--given 3=mask.png``: masks or probabilities of single objects, by label.

    Raises
    ------
    InputError
        If a label is no object's or given twice, or a file cannot be used.
    """
    from napari_isr.frame_files import read_frames
    from napari_isr.reading import read_probability
    from napari_isr.strokes import FIRST_OBJECT

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
        found[int(label)] = read_frames(Path(path), read_probability, axes)
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


def check_time(axes: str | None, per_frame: bool) -> None:
    """Raise an InputError if frames are asked for where there are none."""
    if per_frame and (axes is None or not axes.startswith("t")):
        raise InputError("--per-frame is for sequences: add --axes tyx, with the time first")


def open_window(sample: str) -> None:
    """Open napari with a sample and the dock."""
    try:
        from napari_isr.gui.launch import launch_demo
    except ImportError as error:
        raise InputError(
            f"the window needs napari and Qt ({error}): pip install 'napari-isr[all]'"
        ) from None
    launch_demo(sample)


def use_some_cores() -> None:
    """Leave half of the cores: the work is many small steps, and waiting threads slow it down."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))


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
