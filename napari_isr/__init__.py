"""Scribble segmentation whose masks have a guaranteed shape.

>>> import napari_isr as isr
>>> isr.shape_names()[0]
'none'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_isr.api import project as project
    from napari_isr.api import segment as segment
    from napari_isr.batch.scheduler import run_batch as run_batch
    from napari_isr.certificates import Certificate as Certificate
    from napari_isr.certificates import register_certificate_check as register_certificate_check
    from napari_isr.config import SegmentationConfig as SegmentationConfig
    from napari_isr.data import load_sample as load_sample
    from napari_isr.errors import InputError as InputError
    from napari_isr.features.registry import register_features as register_features
    from napari_isr.geometry.coordinates import CoordinateMap as CoordinateMap
    from napari_isr.geometry.image import ImageGeometry as ImageGeometry
    from napari_isr.io.export import ExportFormat as ExportFormat
    from napari_isr.io.export import register_export_format as register_export_format
    from napari_isr.io.export import write as write
    from napari_isr.io.readers import read_array as read_array
    from napari_isr.io.readers import read_image as read_image
    from napari_isr.io.readers import read_probability as read_probability
    from napari_isr.io.readers import read_scribbles as read_scribbles
    from napari_isr.io.session import Session as Session
    from napari_isr.io.session import load_session as load_session
    from napari_isr.io.session import save_session as save_session
    from napari_isr.regularizer import ShapeRegularizer as ShapeRegularizer
    from napari_isr.results.object_result import ObjectResult as ObjectResult
    from napari_isr.results.result import Result as Result
    from napari_isr.scribble_conflicts import register_conflict_test as register_conflict_test
    from napari_isr.scribbles import Scribbles as Scribbles
    from napari_isr.segmentation.segmenter import Segmenter as Segmenter
    from napari_isr.segmentation.segmenter import Update as Update
    from napari_isr.segmentation.trained_predictor import TrainedPredictor as TrainedPredictor
    from napari_isr.shapes.base import Shape as Shape
    from napari_isr.shapes.base import ShapeDescription as ShapeDescription
    from napari_isr.shapes.base import ShapeOptions as ShapeOptions
    from napari_isr.shapes.registry import ShapeSpec as ShapeSpec
    from napari_isr.shapes.registry import register_shape as register_shape
    from napari_isr.shapes.registry import shape_names as shape_names

# Torch takes a second to load, and napari imports every plugin's package: load on first use.
_HOMES = {
    "Certificate": "certificates",
    "CoordinateMap": "geometry.coordinates",
    "ImageGeometry": "geometry.image",
    "ExportFormat": "io.export",
    "InputError": "errors",
    "ObjectResult": "results.object_result",
    "Result": "results.result",
    "SegmentationConfig": "config",
    "Segmenter": "segmentation.segmenter",
    "Session": "io.session",
    "Shape": "shapes.base",
    "ShapeDescription": "shapes.base",
    "ShapeOptions": "shapes.base",
    "ShapeRegularizer": "regularizer",
    "ShapeSpec": "shapes.registry",
    "Scribbles": "scribbles",
    "TrainedPredictor": "segmentation.trained_predictor",
    "Update": "segmentation.segmenter",
    "load_sample": "data",
    "load_session": "io.session",
    "project": "api",
    "read_array": "io.readers",
    "read_image": "io.readers",
    "read_probability": "io.readers",
    "read_scribbles": "io.readers",
    "register_certificate_check": "certificates",
    "register_conflict_test": "scribble_conflicts",
    "register_export_format": "io.export",
    "register_features": "features.registry",
    "register_shape": "shapes.registry",
    "run_batch": "batch.scheduler",
    "save_session": "io.session",
    "segment": "api",
    "shape_names": "shapes.registry",
    "write": "io.export",
}

# Names of version 0.1.0.
_ALIASES = {
    "Coordinate": "CoordinateMap",
    "Frame": "ImageGeometry",
    "Strokes": "Scribbles",
    "Trained": "TrainedPredictor",
    "read_strokes": "read_scribbles",
}

__all__ = [
    "Certificate",
    "CoordinateMap",
    "ExportFormat",
    "ImageGeometry",
    "InputError",
    "ObjectResult",
    "Result",
    "Scribbles",
    "SegmentationConfig",
    "Segmenter",
    "Session",
    "Shape",
    "ShapeDescription",
    "ShapeOptions",
    "ShapeRegularizer",
    "ShapeSpec",
    "TrainedPredictor",
    "Update",
    "load_sample",
    "load_session",
    "project",
    "read_array",
    "read_image",
    "read_probability",
    "read_scribbles",
    "register_certificate_check",
    "register_conflict_test",
    "register_export_format",
    "register_features",
    "register_shape",
    "run_batch",
    "save_session",
    "segment",
    "shape_names",
    "write",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name == "__version__":
        from importlib.metadata import version  # which takes ten times as long as all the rest

        return version("napari-isr")
    name = _ALIASES.get(name, name)
    if name not in _HOMES:
        raise AttributeError(f"module 'napari_isr' has no attribute '{name}'")
    return getattr(importlib.import_module(f"napari_isr.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Public names."""
    return [*__all__, "__version__"]
