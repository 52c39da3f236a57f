"""Solvers: generators that improve the parameters of a shape in place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_isr._adam import Adam
from napari_isr.cancellation import check_cancelled
from napari_isr.device import to_cpu_double
from napari_isr.fitting.sampling import Samples
from napari_isr.shapes.base import Shape
from napari_isr.shapes.sparse_jacobian import RowSparseMatrix, SparseJacobianShape

__all__ = ["Step", "adam", "levenberg_marquardt", "minimize", "sparse_gauss_newton"]

TEMPO = 20  # first-order steps that do about as much as one of second order
LIVE = 1e-3  # of the steepest sample: samples that are flatter have no say in a step
MIN_DERIVATIVE = (
    1e-12  # derivatives that are smaller have no say; their products are denormal, and very slow
)
SECOND_ORDER_LIMIT = 600  # parameters; beyond, the normal equations cost more than they bring
PRODUCTS = 12  # products with the Gauss-Newton matrix per step at most
ACCURACY = 1e-2  # of the linear system: part of the residual (squared, scaled) that may remain
PATIENT = 4  # products between two looks at the error, where a look is to wait for the device
FLOOR = 0.1  # of the damping, so that parameters that no sample feels stay where they are
MIN_SPARSE_DERIVATIVE = (
    1e-11  # derivatives that are smaller have no say; their products are denormal, and very slow
)
PRIOR = 1e-6  # pull of the parameters to rest, per unit of weight: a tie-breaker


def minimize(
    shape: Shape,
    samples: Samples,
    *,
    iterations: int,
    tolerance: float = 1e-3,
    free: Tensor | None = None,
) -> Iterator[Step]:
    """Fit a shape with the solver that suits its number of parameters.

    Parameters
    ----------
    shape : Shape
        Improved in place; its current parameters are the (warm) start.
    samples : Samples
        What to fit.
    iterations : int
        Steps of the second-order method at most; the first-order one takes 20 times as many.
    tolerance : float, optional
        Stop when two steps in a row improve the objective by less than this part of it.
    free : (q,) tensor of int, optional
        Entries of the parameter vector to fit; default: all.

    Yields
    ------
    Step
    """
    if isinstance(shape, SparseJacobianShape):
        yield from sparse_gauss_newton(shape, samples, iterations=iterations, tolerance=tolerance)
        return
    count = sum(p.numel() for p in shape.parameters()) if free is None else len(free)
    if count <= SECOND_ORDER_LIMIT:
        yield from levenberg_marquardt(
            shape, samples, iterations=iterations, tolerance=tolerance, free=free
        )
    else:
        yield from adam(
            shape, samples, iterations=TEMPO * iterations, tolerance=tolerance / TEMPO, free=free
        )


def levenberg_marquardt(
    shape: Shape,
    samples: Samples,
    *,
    iterations: int,
    tolerance: float = 1e-3,
    free: Tensor | None = None,
    damping: float | None = None,
) -> Iterator[Step]:
    """Damped Gauss-Newton steps on the squared error of the sigmoid.

    Parameters
    ----------
    shape, samples, iterations, tolerance, free
        As for :func:`minimize`.
    damping : float, optional
        First weight of the diagonal of the normal matrix; lowered after a good step, raised
        after a bad one. Default: the shape's own.

    Yields
    ------
    Step

    References
    ----------
    .. [1] Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    .. [2] Nielsen, "Damping parameter in Marquardt's method", 1999 (how the damping follows the
       ratio of actual to predicted gain).
    """
    vector = shape.parameter_vector()
    damping = shape.damping if damping is None else damping
    factor, slow = 2.0, 0
    objective, inside = _evaluate(shape, samples)
    normal, gradient = _normal_equations(shape, samples, inside, free)
    for iteration in range(1, iterations + 1):
        step, predicted = _damped_step(normal, gradient, damping)
        trial = _moved(vector, step.to(vector), free)
        shape.load_vector(trial)
        reached, trial_inside = _evaluate(shape, samples)
        gain = (objective - reached) / max(predicted, 1e-300)
        if gain > 0 and math.isfinite(reached):
            slow = slow + 1 if objective - reached < tolerance * objective else 0
            vector, objective = trial, reached
            damping = max(1e-9, damping * max(1 / 5, 1 - (2 * min(gain, 2.0) - 1) ** 3))
            factor = 2.0
        else:
            shape.load_vector(vector)
            damping, factor = damping * factor, factor * 2
        converged = slow >= 2 or damping > 1e9 or objective < 1e-12
        yield Step(iteration, objective, converged)
        if converged:
            return
        if vector is trial and iteration < iterations:
            normal, gradient = _normal_equations(shape, samples, trial_inside, free)


def _moved(vector: Tensor, step: Tensor, free: Tensor | None) -> Tensor:
    return vector + step if free is None else vector.index_add(0, free, step)


@torch.no_grad()
def _evaluate(shape: Shape, samples: Samples) -> tuple[float, Tensor]:
    """Objective, and the sigmoid of the logit at the samples."""
    error, inside = weighted_squared_error(shape, samples)
    return float(error), inside


@torch.no_grad()
def weighted_squared_error(shape: Shape, samples: Samples) -> tuple[Tensor, Tensor]:
    """Objective () on its device, and the sigmoid (n,) of the logit at the samples."""
    inside = torch.sigmoid(shape(samples.points))
    return samples.weight @ (inside - samples.target).square(), inside


@torch.no_grad()
def _normal_equations(
    shape: Shape, samples: Samples, inside: Tensor, free: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton matrix (p, p) and gradient (p,), in double precision on the CPU."""
    matrix, gradient = to_cpu_double(*gauss_newton(shape, samples, inside, free))
    return matrix, gradient


@torch.no_grad()
def gauss_newton(
    shape: Shape, samples: Samples, inside: Tensor, free: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton matrix (p, p) and gradient (p,) on their device, which nobody waits for."""
    weight, points = samples.weight.sqrt(), samples.points
    slope, residual = weight * inside * (1 - inside), weight * (inside - samples.target)
    # Far from the boundary the sigmoid is flat: those rows are zero.
    largest = slope.max().clamp_min(torch.finfo(slope.dtype).tiny)
    live = slope > LIVE * largest
    if points.device.type == "cpu":
        index = live.nonzero()[:, 0]
        points, slope, residual = points.index_select(0, index), slope[index], residual[index]
    else:  # to leave them out, the device would have to be asked how many there are
        slope = torch.where(live, slope, 0.0)
    _, jacobian = shape.logit_and_jacobian(points)
    rows = jacobian.T if free is None else jacobian.T.index_select(0, free)
    unit = torch.exp2(largest.log2().ceil())  # a power of two: scaling by it rounds nothing
    rows = F.hardshrink(rows * (slope / unit), MIN_DERIVATIVE)
    return (rows @ rows.T) * unit.square(), (rows @ residual) * unit


def _damped_step(normal: Tensor, gradient: Tensor, damping: float) -> tuple[Tensor, float]:
    diagonal = normal.diagonal()
    # The floor keeps parameters that no sample feels from running away.
    scale = diagonal + 1e-3 * diagonal.mean() + 1e-30
    factor, failed = torch.linalg.cholesky_ex(normal + torch.diag(damping * scale))
    if int(failed):
        return torch.zeros_like(gradient), 0.0
    step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
    predicted = float(step @ (damping * scale * step - gradient))
    return step, predicted


def adam(
    shape: Shape,
    samples: Samples,
    *,
    iterations: int,
    tolerance: float = 1e-4,
    free: Tensor | None = None,
    rate: float = 0.02,
) -> Iterator[Step]:
    """First-order steps, for shapes with many parameters; the best state seen is kept.

    Parameters
    ----------
    shape, samples, iterations, tolerance, free
        As for :func:`minimize`; the stopping rule looks at windows of 20 steps.
    rate : float, optional
        Learning rate, lowered along a half cosine.

    Yields
    ------
    Step
    """
    optimizer = Adam(shape.parameters(), rate, iterations)
    fixed = best_vector = shape.parameter_vector()
    best, least, window = math.inf, torch.full_like(fixed[0], math.inf), math.inf
    try:
        for iteration in range(1, iterations + 1):
            loss = samples.objective(shape(samples.points))
            better = loss.detach() < least
            least = torch.where(better, loss.detach(), least)
            best_vector = torch.where(better, shape.parameter_vector(), best_vector)
            optimizer.step(loss)
            if free is not None:
                shape.load_vector(fixed.index_copy(0, free, shape.parameter_vector()[free]))
            converged = False
            # To read a number is to wait for the device.
            if fixed.device.type == "cpu" or iteration % 20 == 0 or iteration in (1, iterations):
                best = float(least)
            if iteration % 20 == 0:
                converged = window - best < tolerance * 20 * best
                window = best
            yield Step(iteration, best, converged)
            if converged:
                return
    finally:
        shape.load_vector(best_vector)


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
    objective, inside = _evaluate_with_prior(shape, samples, vector, prior, rest)
    system = _System(shape, samples, inside, vector - rest, prior)
    for iteration in range(1, iterations + 1):
        step, predicted = system.solve(damping)
        trial = vector + step
        reached, trial_inside = _evaluate_with_prior(shape, samples, trial, prior, rest)
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


def _evaluate_with_prior(
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
