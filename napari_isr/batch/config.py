"""Items and settings of a batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_isr.config import SegmentationConfig
from napari_isr.errors import InputError

if TYPE_CHECKING:
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["BatchItem", "BatchSettings", "settings_from_session"]


@dataclass(frozen=True)
class BatchItem:
    """One image to be segmented.

    Parameters
    ----------
    name : str
        Of its results, told apart from those of all other images of the batch.
    path : str
        Its file or zarr store.
    inner : str, optional
        Place of the image in a zarr store that holds several.
    strokes : str, optional
        The file of its strokes.
    """

    name: str
    path: str
    inner: str = ""
    strokes: str | None = None

    @property
    def uri(self) -> str:
        """Location of the image for messages."""
        return f"{self.path}/{self.inner}" if self.inner else self.path


@dataclass(frozen=True)
class BatchSettings:
    """Settings of a batch: the segmentation of each image, and the files to write.

    Parameters
    ----------
    formats : tuple of str
        Endings of the files that are written for each image.
    shape : str, optional
        Of all objects that have none of their own.
    own_shapes : dict of int to str, optional
        Shapes of single objects, by label.
    mode, predictor, features, device : str, optional
        As :func:`napari_isr.segment` takes them.
    axes : str, optional
        What the axes are.
    spacing : tuple of float, optional
        Distance of pixel centres. Default: what an image says of itself, or 1 each.
    per_frame : bool, optional
        Fit each frame of a sequence by itself.
    seed : int, optional
    scale : tuple of float, optional
        Output pixels per pixel of the image.
    each : bool, optional
        One file for each object.
    names : dict of int to str, optional
        Of the objects, by label.
    unit : str, optional
        Of the spacing.
    weights, dino : str, optional
        Weights files of the semantic and the dino features.
    trained : str, optional
        Hash of what the predictor learned elsewhere; empty if nothing.
    """

    formats: tuple[str, ...]
    shape: str = "convex"
    own_shapes: dict[int, str] = field(default_factory=dict)
    mode: str = "auto"
    predictor: str = "auto"
    features: str = "auto"
    device: str = "auto"
    axes: str | None = None
    spacing: tuple[float | None, ...] = ()
    per_frame: bool = False
    seed: int = 0
    scale: tuple[float, ...] = (1.0,)
    each: bool = False
    names: dict[int, str] = field(default_factory=dict)
    unit: str = ""
    weights: str | None = None
    dino: str | None = None
    trained: str = ""

    @property
    def config(self) -> SegmentationConfig:
        """Settings of the segmentation of each image."""
        known = {
            name: getattr(self, name)
            for name in SegmentationConfig.model_fields
            if hasattr(self, name)
        }
        return SegmentationConfig(**known)

    @property
    def content_hash(self) -> str:
        """Hash of all settings: results of other settings are made anew."""
        told = asdict(self) | {"scale": [float(factor) for factor in self.scale]}
        text = json.dumps(told, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def settings_from_session(path: Path) -> tuple[TrainedPredictor, dict[str, Any]]:
    """Read what can be carried to other images.

    Parameters
    ----------
    path : Path
        An ``.isr`` file.

    Returns
    -------
    trained : TrainedPredictor
    settings : dict
        Fields of :class:`napari_isr.batch.BatchSettings`. Centres, axes and lattices that were
        held fixed are found anew: they belong to the session's image.

    Raises
    ------
    InputError
        If the file is no session, or nothing in it can be carried.
    """
    from napari_isr.io.session import load_session

    kept = load_session(path)
    try:
        trained = kept.trained_predictor()
    except InputError as error:
        raise InputError(
            f"the session '{path}' has no predictor for other images: {error}"
        ) from None
    told = kept.snapshot.settings
    shapes = {int(k): str(v) for k, v in dict(told.get("own_shapes") or {}).items()}
    if kept.result is not None:
        shapes = {label: item.shape_name for label, item in kept.result.objects.items()}
    settings: dict[str, Any] = {
        "shape": _without_fixed_options(str(told.get("shape") or "convex")),
        "own_shapes": {label: _without_fixed_options(text) for label, text in shapes.items()},
        "names": kept.object_names,
        "spacing": tuple(kept.spacing),
        "unit": kept.unit,
        "axes": kept.axes,
    }
    if isinstance(told.get("mode"), str):
        settings["mode"] = told["mode"]
    return trained, settings


def _without_fixed_options(text: str) -> str:
    """Return a shape without the options that fix its pose in one image."""
    from napari_isr.shapes.registry import ShapeSpec

    return str(ShapeSpec.parse(text).without_pose())
