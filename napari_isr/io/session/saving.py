"""Saving of a session from a segmenter or a result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.io.session.content_hash import array_digest, image_key
from napari_isr.io.session.result_io import export_shape_states
from napari_isr.io.session.schema import ImageReference, Snapshot
from napari_isr.io.session.session import CHOICES, Session
from napari_isr.lazy_arrays import is_lazy, pyramid_levels

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["save_session"]


def save_session(
    path: str | Path,
    result: Result | Segmenter,
    *,
    image: Any = None,
    scribbles: npt.ArrayLike | None = None,
    given: Mapping[int, npt.ArrayLike] | None = None,
    settings: Mapping[str, Any] | None = None,
    names: Mapping[int, str] | None = None,
    unit: str = "",
    axes: str | None = None,
    trained: TrainedPredictor | None = None,
    file: str | Path | None = None,
    embed: bool = False,
) -> Path:
    """Save the work on an image to one ``.isr`` file.

    Parameters
    ----------
    path : str or Path
        The ending ``.isr`` is added if there is none.
    result : Result or Segmenter
        What was found; a segmenter knows its image and settings, too.
    image : array, optional
        The image, which is known again by its pixels.
    scribbles : (n1, ..., nd) integer array, optional
        The strokes.
    given : mapping of int to array, optional
        Objects from elsewhere.
    settings : mapping, optional
        ``predictor``, ``features`` and ``mode`` as they were given; ``shape`` and ``own_shapes``
        are those of the result.
    names : mapping of int to str, optional
        Of objects, by label.
    unit, axes : str, optional
        Of the spacing, and what the axes are.
    trained : TrainedPredictor, optional
        What was learned, for other images.
    file : str or Path, optional
        The image's file, to find it again.
    embed : bool, optional
        Put the image itself into the file.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the place cannot be written to, or nothing was found yet.

    Examples
    --------
    >>> import napari_isr as isr
    >>> isr.save_session("cup.isr", result, image=image, scribbles=strokes)  # doctest: +SKIP
    PosixPath('cup.isr')
    """
    from napari_isr.geometry.time_series import TimeSeriesGeometry
    from napari_isr.results.result import Result

    chosen = dict(settings or {})
    if image is not None:
        image = pyramid_levels(image)[0]
        image = image if is_lazy(image) else np.asarray(image)
    if not isinstance(result, Result):
        segmenter, result = result, result.result
        image = segmenter.source.pixels if image is None else image
        own = segmenter.predictor_name, segmenter.features_name, segmenter.mode
        known = zip(CHOICES, (own[0], ",".join(own[1]), own[2]), strict=False)
        chosen = {**dict(known), **chosen}
    if not result.objects:
        raise InputError("there is nothing to save yet: fit an object first")
    if embed and image is None:
        raise InputError("the image cannot be embedded: give it")
    first = next(iter(result.objects.values()))
    frame = first.image_frame or first.frame
    if axes is None and isinstance(frame, TimeSeriesGeometry):
        axes = "tyx" if frame.ndim == 3 else "tzyx"
    specs = {label: item.shape_name for label, item in result.objects.items()}
    rest = next(iter(specs.values()))
    chosen = {
        "shape": rest,
        "own_shapes": {str(k): spec for k, spec in specs.items() if spec != rest},
        "names": {str(k): name for k, name in (names or {}).items()},
        **chosen,
    }
    place = None if file is None else str(Path(file).expanduser().absolute())
    about = ImageReference(
        key=array_digest(first.probability) if image is None else image_key(image),
        name="" if file is None else Path(file).name,
        path=place,
        shape=frame.shape,
        dtype="" if image is None else str(image.dtype),
        scale=frame.spacing,
        units=(unit,) * frame.ndim if unit else (),
    )
    # A lazy one is kept block by block.
    strokes: Any = scribbles if scribbles is None or is_lazy(scribbles) else np.asarray(scribbles)
    snapshot = Snapshot(
        about,
        strokes,
        settings=chosen,
        given={label: np.asarray(mask) for label, mask in (given or {}).items()},
        shapes=export_shape_states(result),
    )
    pixels = np.asarray(image) if embed else None
    return Session(snapshot, result, frame.spacing, unit, axes, pixels, trained).save(path)
