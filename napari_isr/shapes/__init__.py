"""Shapes: implicit functions of coordinates with guaranteed level sets."""

from napari_isr.shapes.base import FitStage, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.convex import Convex
from napari_isr.shapes.registry import NONE, ShapeSpec, register_shape, shape_names

__all__ = [
    "NONE",
    "Convex",
    "FitStage",
    "Shape",
    "ShapeDescription",
    "ShapeOptions",
    "ShapeSpec",
    "register_shape",
    "shape_names",
]
