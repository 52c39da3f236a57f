"""Shapes with many parameters, of which each logit depends on a few."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from napari_isr.shapes.base import Shape

__all__ = ["RowSparseMatrix", "SparseJacobianShape"]


@dataclass(frozen=True)
class RowSparseMatrix:
    """A matrix (n, p) with the same number of entries in each row.

    Parameters
    ----------
    columns : (k, n) tensor of int
        Column of each entry. Entries of a row with the same column are added.
    values : (k, n) tensor
        The entries.
    width : int
        Number of columns p.
    """

    columns: Tensor
    values: Tensor
    width: int

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Return the product (n,) with a vector (p,)."""
        gathered = vector.index_select(0, self.columns.flatten()).view_as(self.values)
        return (gathered * self.values).sum(0)

    def transposed_times(self, vector: Tensor) -> Tensor:
        """Return the product (p,) of the transposed matrix with a vector (n,)."""
        return self._sum_by_column(self.values * vector)

    def column_square_sums(self) -> Tensor:
        """Return the sums of squares (p,) of the columns."""
        return self._sum_by_column(self.values.square())

    def scaled(self, factor: Tensor) -> RowSparseMatrix:
        """Return the matrix with each row multiplied by its factor (n,)."""
        return RowSparseMatrix(self.columns, self.values * factor, self.width)

    def hard_threshold(self, least: float) -> RowSparseMatrix:
        """Return the matrix with 0 for entries of a smaller absolute value."""
        return RowSparseMatrix(self.columns, F.hardshrink(self.values, least), self.width)

    def dense(self) -> Tensor:
        """Return the dense matrix (n, p)."""
        matrix = self.values.new_zeros(self.values.shape[1], self.width)
        return matrix.scatter_add_(1, self.columns.T, self.values.T)

    def _sum_by_column(self, values: Tensor) -> Tensor:
        total = values.new_zeros(self.width)
        return total.scatter_add_(0, self.columns.flatten(), values.flatten())


class SparseJacobianShape(Shape):
    """A shape whose logit at a point depends on few of its many parameters.

    The fit solves the normal equations by conjugate gradients and never forms their matrix.
    """

    @abstractmethod
    def prior_mean(self) -> Tensor:
        """Return the mean (p,) of the Gaussian prior on the parameters."""

    def prior_precision_product(self, vector: Tensor) -> Tensor:
        """Multiply a vector (p,) by the precision matrix of the Gaussian prior.

        The matrix is symmetric and positive definite. Default: the identity.
        """
        return vector

    @abstractmethod
    def sparse_jacobian(self, points: Tensor) -> tuple[Tensor, RowSparseMatrix]:
        """Return the logit (n,) and its Jacobian in the order of :meth:`parameter_vector`."""

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit (n,) and its Jacobian (n, p)."""
        logit, rows = self.sparse_jacobian(points)
        return logit, rows.dense()
