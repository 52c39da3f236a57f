"""Fields of a fit job that depend on axes and extra coordinates; no Qt."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Layer

from napari_isr.gui.layers.utils import COORDINATE, image_shape, is_result_layer
from napari_isr.gui.models import DockSettings
from napari_isr.gui.nd.axis_roles import TIME, resolve_axes
from napari_isr.gui.nd.current_slice import ViewedSlice

__all__ = ["can_be_coordinate", "coordinate_layer", "nd_job_fields"]

RESERVED_COORDINATE_NAMES = (
    "time",
    "plane",
    "row",
    "column",
)  # names that a coordinate cannot have


def can_be_coordinate(layer: Layer, image: Image | None) -> bool:
    """Whether a layer's values can be a coordinate of an image: grey, and of its size."""
    return (
        image is not None
        and layer is not image
        and isinstance(layer, Image)
        and not layer.rgb
        and not is_result_layer(layer)
        and image_shape(layer) == image_shape(image)
    )


def coordinate_layer(viewer: Any, image: Image | None, name: str) -> Image | None:
    """Return the layer of a name if it can be a coordinate of the image, else None."""
    layers = [x for x in viewer.layers if x.name == name and can_be_coordinate(x, image)]
    return layers[0] if name and layers else None


def nd_job_fields(
    viewer: Any, image: Image, settings: DockSettings, viewed_slice: ViewedSlice | None
) -> dict[str, Any]:
    """Return the fields of a :class:`napari_isr.gui.fitting.job.FitJob` that depend on the axes."""
    axes = resolve_axes(image, settings.axes)
    map_ = coordinate_layer(viewer, image, settings.coordinate)
    spacing: list[float | None] = [abs(float(s)) or 1.0 for s in image.scale]
    if axes.startswith(TIME):
        spacing[0] = None  # Seconds are no length: the library sets the weight of a frame.
    return {
        "axes": axes,
        "spacing": tuple(spacing),
        "coordinates": {} if map_ is None else _values(map_),
        "per_frame": settings.per_frame and axes.startswith(TIME),
        "viewed_slice": viewed_slice,
    }


def _values(layer: Image) -> dict[str, Any]:
    """Return the values of a coordinate layer, keyed by the name of the coordinate."""
    name = str(layer.metadata.get(COORDINATE) or layer.name)
    name = f"{name} value" if name in RESERVED_COORDINATE_NAMES else name
    return {name: layer.data[0] if layer.multiscale else layer.data}
