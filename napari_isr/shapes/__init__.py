"""The shapes: small neural functions of coordinates whose level set has a property by design."""

from napari_isr.shapes.base import FitStage, Shape, ShapeOptions
from napari_isr.shapes.convex import Convex
from napari_isr.shapes.registry import NONE, ShapeSpec, shape_names

__all__ = ["NONE", "Convex", "FitStage", "Shape", "ShapeOptions", "ShapeSpec", "shape_names"]
