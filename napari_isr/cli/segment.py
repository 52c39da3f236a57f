"""Command ``napari-isr segment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from napari_isr.atomic_files import check_file_writable
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
    Seed,
    Spacing,
    Unit,
    check_per_frame,
    check_unused_weights,
    limit_torch_threads,
    load_object_unaries,
    load_unaries,
    parse_numbers,
    parse_shapes,
    parse_spacing,
)
from napari_isr.errors import InputError

__all__ = ["segment"]


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
            check_file_writable(kept)
    if scribbles is None and trained is None:
        raise InputError("there are no strokes: name SCRIBBLES after IMAGE, or --trained FILE")
    check_per_frame(axes, per_frame)
    shapes, factors = parse_shapes(shape or []), parse_numbers("--scale", scale)
    names = parse_names(name or [])
    limit_torch_threads()
    from napari_isr.cli.parsing import read_coordinates
    from napari_isr.config import SegmentationConfig
    from napari_isr.features import FeatureCache, default_folder, parse_features
    from napari_isr.io.readers import read_image
    from napari_isr.io.scribble_files import read_label_scribbles, read_scribble_file
    from napari_isr.io.sequences import read_sequence
    from napari_isr.lazy_arrays import pyramid_levels
    from napari_isr.scribbles import Scribbles
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

    learned, objects = (
        None if trained is None else TrainedPredictor.load(trained),
        load_object_unaries(given or [], axes),
    )
    picture = read_sequence(image, read_image, axes)
    whole = pyramid_levels(picture)[0].shape
    strokes = None if scribbles is None else read_scribble_file(scribbles, axes, whole)
    ndim = len(strokes.shape) if strokes is not None else cast("TrainedPredictor", learned).ndim
    labels = sorted(
        {
            *(strokes.objects if strokes else ()),
            *(learned.object_labels if learned else ()),
            *objects,
        }
    )
    config = SegmentationConfig(
        shape=shapes.pop(None, "convex"),
        own_shapes=shapes,
        mode=mode,
        predictor=predictor,
        features=features,
        axes=axes,
        spacing=parse_spacing(spacing, axes),
        per_frame=per_frame,
        device=device,
        seed=seed,
        weights=weights,
        dino=dino,
        download=download,
        memory=memory,
    )
    config.check_ndim(ndim)
    config.shapes_for(labels)
    used = parse_features(features, ndim, bool(axes and axes[0] == "t")) if unaries is None else ()
    used = learned.features if learned is not None else used
    check_unused_weights(used, weights=weights, dino=dino, download=download)
    segmenter = Segmenter(
        picture,
        ndim=ndim,
        coordinates=read_coordinates(coordinate or []),
        unaries=None if unaries is None else load_unaries(unaries, axes),
        cache=FeatureCache(default_folder() if cache else None),
        trained=learned,
        config=config,
    )
    empty = Scribbles.empty(segmenter.frame.shape)
    for _ in segmenter.run(strokes or empty, given=objects):
        pass
    result = segmenter.result
    if save_trained is not None:
        segmenter.export_predictor().save(save_trained)
    about: dict[str, Any] = {"names": names, "unit": unit, "axes": axes, "image": image.name}
    drawn = None if scribbles is None else read_label_scribbles(scribbles)
    about |= {"strokes": drawn, "uncertainty": uncertainty}
    write_result(result, output, factors, report, each=each, **about)
    if save_session is not None:
        asked = {"predictor": predictor, "features": features, "mode": mode}
        write_session_file(
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
        typer.echo(result.next_stroke.message)
