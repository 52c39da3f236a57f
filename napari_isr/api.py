"""Public functions ``project`` and ``segment``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.config import SegmentationConfig
from napari_isr.device import iterate_with_cpu_fallback, resolve_device
from napari_isr.errors import InputError
from napari_isr.evidence import (
    FOREGROUND_WEIGHT,
    DenseEvidence,
    axis_anisotropy,
    signed_evidence,
)
from napari_isr.features.registry import BlockOrFactory, split_blocks
from napari_isr.fitting.sequence import SequenceEvidence, iter_fit, sequence_evidence_from_array
from napari_isr.geometry.coordinates import Coordinates
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.results.result import ObjectResult, Result
from napari_isr.scribbles import FIRST_OBJECT, Scribbles
from napari_isr.segmentation.config_geometry import geometry_from_config
from napari_isr.segmentation.segmenter import Segmenter
from napari_isr.segmentation.trained_predictor import TrainedPredictor
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec, check_supported_shapes

__all__ = ["iter_project", "project", "segment"]


def project(
    unaries: npt.ArrayLike,
    shape: str | ShapeSpec = "convex",
    *,
    axes: str | None = None,
    spacing: Sequence[float | None] = (),
    coordinates: Coordinates | None = None,
    per_frame: bool = False,
    foreground_weight: float = FOREGROUND_WEIGHT,
    device: str = "auto",
    seed: int = 0,
    config: SegmentationConfig | None = None,
) -> Result:
    """Find the shape nearest to probabilities or a mask (eq. 1 of the source).

    Parameters
    ----------
    unaries : (n1, ..., nd) array
        Probability of the foreground in [0, 1], or a bool mask; 2 to 4 axes.
    shape : str or ShapeSpec, optional
        For example ``"convex"`` or ``"convex:pieces=24"``.
    axes : str, optional
        What the axes are: ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis. Default: 1 each. Of time, how long a frame
        counts; None: so that the sequence counts as long as a frame's longest side.
    coordinates : mapping of str to array or CoordinateMap, optional
        Further coordinates of every pixel by name, ``{"depth": map}``: the shape, convex or star,
        then holds in (row, column, depth). See
        :class:`napari_isr.geometry.coordinates.CoordinateMap`.
    per_frame : bool, optional
        Fit each frame of a sequence by itself, from its neighbour's shape; default: all together,
        so that the shape moves smoothly.
    foreground_weight : float, optional
        How many background pixels one foreground pixel outweighs: 1 explains the most pixels,
        more fills what is hidden.
    device : {"auto", "cpu", "cuda", "mps", "xpu"}, optional
        Where to compute.
    seed : int, optional
        Value for the report. A projection uses no random numbers.
    config : SegmentationConfig, optional
        All settings at once, instead of the keyword arguments of the same names.

    Returns
    -------
    Result
        With the one object 2.

    Raises
    ------
    InputError
        If an argument does not fit; the sentence says how to mend it.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_isr as isr
    >>> row, column = np.mgrid[:64, :64]
    >>> disc = (row - 30) ** 2 + (column - 30) ** 2 < 400
    >>> disc[20:25, :40] = False  # hidden by a branch
    >>> bool(isr.project(disc).mask[22, 30])
    True
    """
    *_, result = iter_project(
        unaries,
        shape,
        axes=axes,
        spacing=spacing,
        coordinates=coordinates,
        per_frame=per_frame,
        foreground_weight=foreground_weight,
        device=device,
        seed=seed,
        config=config,
    )
    assert result is not None
    return result


def iter_project(
    unaries: npt.ArrayLike,
    shape: str | ShapeSpec = "convex",
    *,
    coordinates: Coordinates | None = None,
    foreground_weight: float = FOREGROUND_WEIGHT,
    config: SegmentationConfig | None = None,
    **settings: Any,
) -> Iterator[Result | None]:
    """Yield None after each step of :func:`project`, then its result.

    The caller can stop between two steps. Parameters are those of :func:`project`.
    """
    config = SegmentationConfig.from_keywords(config, shape=shape, **settings)
    probability = as_probability(unaries)
    config.check_ndim(probability.ndim)
    frame = geometry_from_config(config, probability.shape, coordinates)
    weight = foreground_weight
    if not 0 < foreground_weight < float("inf"):
        raise InputError(f"foreground_weight must be positive, not {foreground_weight}")
    spec = ShapeSpec.parse(config.shape_for(FIRST_OBJECT))
    check_supported_shapes(frame, [spec.name])
    where, module, objective = resolve_device(config.device), None, None
    start = time.perf_counter()
    for state in iterate_with_cpu_fallback(
        where, lambda there: _fitting(spec, probability, frame, there, weight)
    ):
        where, module, objective = state
        yield None
    fitted = time.perf_counter()
    item = ObjectResult.from_fit(
        module,
        label=FIRST_OBJECT,
        shape_name=str(spec),
        frame=frame,
        probability=probability,
        objective=objective,
    )
    for _ in item.iter_render():
        yield None
    _ = item.certificate
    item.seconds = {"projection": fitted - start, "render": time.perf_counter() - fitted}
    yield Result({FIRST_OBJECT: item}, str(where), config.seed)


def segment(
    image: Any,
    scribbles: Any = None,
    shape: str | ShapeSpec | Mapping[int, str | ShapeSpec] = "convex",
    *,
    given: Mapping[int, npt.ArrayLike] | None = None,
    mode: str = "auto",
    predictor: str = "auto",
    features: str | Sequence[str | BlockOrFactory] = "auto",
    axes: str | None = None,
    spacing: Sequence[float | None] = (),
    coordinates: Coordinates | None = None,
    per_frame: bool = False,
    device: str = "auto",
    seed: int = 0,
    trained: TrainedPredictor | None = None,
    config: SegmentationConfig | None = None,
    **options: Any,
) -> Result:
    """Segment objects from a few strokes.

    Parameters
    ----------
    image : (n1, ..., nd) or (n1, ..., nd, c) array, or sequence of such
        Grey, or with channels last. A dask or zarr array, a memory map or a pyramid (its levels,
        the finest first) is never loaded whole; see ``memory``.
    scribbles : (n1, ..., nd) integer array or Scribbles, optional
        0 unlabelled, 1 background, 2, 3, ... objects. May be left out if all objects are given, or
        with ``trained``. Of a very large image :meth:`Scribbles.from_lines` is quicker.
    shape : str, ShapeSpec or mapping, optional
        One shape for all objects, or by label, ``{2: "convex", 3: "none"}``.
    given : mapping of int to array, optional
        Objects from elsewhere, another network or a mask: by label probabilities in [0, 1] or a
        bool mask of the image's size. They need no strokes; strokes on them are honoured. Objects
        may overlap.
    mode, predictor, features, device : str, optional
        ``"auto"`` is the default by measurement.
    axes : str, optional
        What the axes are: ``"yx"``, ``"zyx"``, ``"tyx"`` or ``"tzyx"``.
    spacing : sequence of float, optional
        As for :func:`project`.
    coordinates : mapping of str to array or CoordinateMap, optional
        Further coordinates of every pixel by name, as for :func:`project`; the predictor sees
        them, too.
    per_frame : bool, optional
        As for :func:`project`.
    seed : int, optional
        Two calls with one seed on one machine give the same result.
    trained : TrainedPredictor, optional
        A predictor that :meth:`Segmenter.export_predictor` returned for other images.
    config : SegmentationConfig, optional
        All settings at once, instead of the keyword arguments of the same names.
    **options
        ``unaries``, ``weights``, ``dino``, ``download``, ``cache``, ``memory`` and
        ``most_pixels`` of :class:`Segmenter`.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If an argument does not fit; the sentence says how to mend it.
    """
    if scribbles is None and given:
        scribbles = np.zeros(np.shape(next(iter(given.values()))), np.uint8)
    if scribbles is None and trained is None:
        raise InputError("there are no strokes: give scribbles, or a trained predictor")
    strokes = (
        scribbles
        if isinstance(scribbles, Scribbles | None)
        else Scribbles.from_label_image(scribbles)
    )
    features, blocks = split_blocks(features)
    arrays = {name: options.pop(name) for name in ("unaries", "cache") if name in options}
    config = SegmentationConfig.from_keywords(
        config,
        shape=shape,
        mode=mode,
        predictor=predictor,
        features=features,
        axes=axes,
        spacing=spacing,
        per_frame=per_frame,
        device=device,
        seed=seed,
        **options,
    )
    ndim = len(strokes.shape) if strokes is not None else cast("TrainedPredictor", trained).ndim
    segmenter = Segmenter(
        image,
        ndim=ndim,
        coordinates=coordinates,
        trained=trained,
        config=config,
        blocks=blocks,
        **arrays,
    )
    empty = Scribbles.empty(segmenter.frame.shape)
    for _ in segmenter.run(strokes or empty, given=given):
        pass
    return segmenter.result


def _fitting(
    spec: ShapeSpec,
    probability: npt.NDArray[np.float32],
    frame: ImageGeometry,
    device: torch.device,
    weight: float,
) -> Iterator[tuple[torch.device, Shape | None, float | None]]:
    """Fit on a device; after each step where that was, the shape, and how far it is."""
    module = spec.build(frame.n_coordinates, frame)
    if module is None:
        yield device, None, None
        return
    module = module.to(device)
    for state in iter_fit(module, _evidence(probability, frame, device, weight)):
        yield device, module, state.objective


def _evidence(
    probability: npt.NDArray[np.float32],
    frame: ImageGeometry,
    device: torch.device,
    weight: float,
) -> DenseEvidence | SequenceEvidence:
    """Evidence of the pixels; of a sequence that of its frames."""
    if isinstance(frame, TimeSeriesGeometry):
        return sequence_evidence_from_array(probability, frame, device, weight)
    values = torch.from_numpy(probability).to(device)
    evidence = signed_evidence(values, weight) / values.numel()
    lift = frame.append_coordinates if frame.has_extra_coordinates else None
    return DenseEvidence(
        evidence, frame.normalized_axes(values), lift, axis_anisotropy(frame.spacing)
    )


def as_probability(unaries: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Check probabilities or a mask, and return them as float32.

    Raises
    ------
    InputError
        If values are not finite or lie outside [0, 1].
    """
    array = np.asarray(unaries)
    if array.dtype.kind not in "buif":
        raise InputError(f"the unaries hold {array.dtype} values: probabilities are needed")
    if array.size and not np.isfinite(array).all():
        raise InputError(
            "the unaries hold NaN or infinite values: replace them, for example with 0.5"
        )
    if array.size and (array.min() < 0 or array.max() > 1):
        raise InputError(
            f"the unaries range from {array.min():g} to {array.max():g}: probabilities in [0, 1] "
            "or a mask are needed"
        )
    return np.ascontiguousarray(array, dtype=np.float32)
