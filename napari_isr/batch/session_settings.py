"""What a session teaches a batch: predictor, shapes, names, spacing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_isr.errors import InputError

if TYPE_CHECKING:
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["settings_from_session"]


def settings_from_session(path: Path) -> tuple[TrainedPredictor, dict[str, Any]]:
    """Read what can be carried to other images.

    Parameters
    ----------
    path : BoxTrack
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
    """A shape without the places that were held fixed."""
    from napari_isr.shapes.registry import ShapeSpec

    return str(ShapeSpec.parse(text).without_pose())
