"""Record of a step of a solver."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Step"]


@dataclass(frozen=True)
class Step:
    """State of a fit after one step.

    Parameters
    ----------
    iteration : int
        Steps so far.
    objective : float
        Weighted squared error of the sigmoid at the samples.
    converged : bool
        True at the last step, if the stopping rule ended the fit.
    """

    iteration: int
    objective: float
    converged: bool
