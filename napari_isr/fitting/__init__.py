"""Fitting: sampling, solvers and the projection of unaries on a shape."""

from napari_isr.fitting.projection import ProjectionState, project_shape
from napari_isr.fitting.sampling import Samples, boundary_samples
from napari_isr.fitting.solver import Step, adam, levenberg_marquardt, minimise

__all__ = [
    "ProjectionState",
    "Samples",
    "Step",
    "adam",
    "boundary_samples",
    "levenberg_marquardt",
    "minimise",
    "project_shape",
]
