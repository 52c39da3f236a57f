"""Second-order solver for shapes with sparse Jacobians."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from napari_isr.cancellation import check_cancelled
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.step import Step
from napari_isr.shapes.sparse_jacobian import RowSparseMatrix, SparseJacobianShape

__all__ = ["sparse_gauss_newton"]

PRODUCTS = 12  # products with the Gauss-Newton matrix per step at most
ACCURACY = 1e-2  # of the linear system: part of the residual (squared, scaled) that may remain
PATIENT = 4  # products between two looks at the error, where a look is to wait for the device
FLOOR = 0.1  # of the damping, so that parameters that no sample feels stay where they are
MIN_SPARSE_DERIVATIVE = (
    1e-11  # derivatives that are smaller have no say; their products are denormal, and very slow
)
PRIOR = 1e-6  # pull of the parameters to rest, per unit of weight: a tie-breaker


@torch.no_grad()
def sparse_gauss_newton(
    shape: SparseJacobianShape,
    samples: Samples,
    *,
    iterations: int,
    tolerance: float = 1e-3,
    damping: float = 10.0,
) -> Iterator[Step]:
    """Damped Gauss-Newton steps on the squared error of the sigmoid, by conjugate gradients.

    Parameters
    ----------
    shape : SparseJacobianShape
        Improved in place.
    samples : Samples
        What to fit.
    iterations : int
        Steps at most.
    tolerance : float, optional
        Stop when two steps in a row improve the objective by less than this part of it.
    damping : float, optional
        First weight of the diagonal of the normal matrix; lowered after a good step, raised
        after a bad one.

    Yields
    ------
    Step

    References
    ----------
    .. [1] Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    .. [2] Nocedal & Wright, "Numerical optimization", 2006, section 7.1 (inexact steps).
    """
    prior = PRIOR * float(samples.weight.sum())
    vector, rest, slow = shape.parameter_vector(), shape.prior_mean(), 0
    objective, inside = _evaluate(shape, samples, vector, prior, rest)
    system = _System(shape, samples, inside, vector - rest, prior)
    for iteration in range(1, iterations + 1):
        step, predicted = system.solve(damping)
        trial = vector + step
        reached, trial_inside = _evaluate(shape, samples, trial, prior, rest)
        gain = (objective - reached) / max(predicted, 1e-300)
        if gain > 0 and math.isfinite(reached):
            slow = slow + 1 if objective - reached < tolerance * objective else 0
            vector, objective = trial, reached
            damping = max(1e-3, damping * (0.33 if gain > 0.6 else 0.6 if gain > 0.35 else 1.5))
        else:
            shape.load_vector(vector)
            damping *= 4
        converged = slow >= 2 or damping > 1e6 or objective < 1e-12
        yield Step(iteration, objective, converged)
        if converged:
            return
        if vector is trial and iteration < iterations:
            system = _System(shape, samples, trial_inside, vector - rest, prior)


def _evaluate(
    shape: SparseJacobianShape, samples: Samples, vector: Tensor, prior: float, rest: Tensor
) -> tuple[float, Tensor]:
    """Objective, and the sigmoid of the logit at the samples."""
    shape.load_vector(vector)
    inside = torch.sigmoid(shape(samples.points))
    error = samples.weight @ (inside - samples.target).square()
    away = vector - rest
    return float(error + prior * (away @ shape.prior_precision_product(away))), inside


class _System:
    """The normal equations at one state of the shape, as products with a sparse matrix."""

    def __init__(
        self,
        shape: SparseJacobianShape,
        samples: Samples,
        inside: Tensor,
        away: Tensor,
        prior: float,
    ) -> None:
        weight = samples.weight.sqrt()
        slope = weight * inside * (1 - inside)
        # Far from the boundary the sigmoid is flat: those rows are zero and are left out.
        live, points = slope > 1e-3 * slope.max(), samples.points
        residual = weight * (inside - samples.target)
        if points.device.type == "cpu":
            index = live.nonzero()[:, 0]
            points, slope, residual = points[index], slope[index], residual[index]
        else:  # to leave them out, the device would have to be asked how many there are
            slope = torch.where(live, slope, 0.0)
        _, rows = shape.sparse_jacobian(points)
        self.rows: RowSparseMatrix = rows.hard_threshold(MIN_SPARSE_DERIVATIVE).scaled(slope)
        self.gradient = self.rows.transposed_times(
            residual
        ) + prior * shape.prior_precision_product(away)
        self.squares, self.prior, self.pull = (
            self.rows.column_square_sums(),
            prior,
            shape.prior_precision_product,
        )

    def solve(self, damping: float) -> tuple[Tensor, float]:
        """Step (p,) and by how much the linear model says that it lowers the objective."""
        diagonal = damping * (self.squares + FLOOR * self.squares.mean())
        scale = 1 / (self.squares + diagonal + self.prior + 1e-30)
        step, residual = torch.zeros_like(self.gradient), -self.gradient
        direction = scale * residual
        error = first = residual @ direction
        wait = 1 if step.device.type == "cpu" else PATIENT
        for count in range(1, PRODUCTS + 1):
            check_cancelled()
            product = self.rows.transposed_times(self.rows @ direction) + diagonal * direction
            product = product + self.prior * self.pull(direction)
            length = error / (direction @ product).clamp_min(1e-30)
            step = step + length * direction
            residual = residual - length * product
            before, error = error, residual @ (scale * residual)
            if count % wait == 0 and float(error) <= ACCURACY * float(first):
                break
            direction = scale * residual + error / before * direction
        predicted = -2 * self.gradient @ step - (self.rows @ step).square().sum()
        return step, float(predicted)
