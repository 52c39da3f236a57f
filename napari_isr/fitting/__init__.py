"""Fitting: sampling, solvers and the projection of unaries on a shape."""

from napari_isr.fitting.projection import FitState, iter_project_shape
from napari_isr.fitting.sampling import Samples, boundary_samples
from napari_isr.fitting.solvers import Step, adam, levenberg_marquardt, minimize

__all__ = [
    "FitState",
    "Samples",
    "Step",
    "adam",
    "boundary_samples",
    "iter_project_shape",
    "levenberg_marquardt",
    "minimize",
]
