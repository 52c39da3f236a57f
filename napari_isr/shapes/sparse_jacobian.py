"""Shapes of many parameters of which every point feels only a few."""

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
        Column of each entry; one may occur several times in a row, its entries add up.
    values : (k, n) tensor
        The entries.
    width : int
        Number of columns p.
    """

    columns: Tensor
    values: Tensor
    width: int

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Product (n,) with a vector (p,)."""
        near = vector.index_select(0, self.columns.flatten()).view_as(self.values)
        return (near * self.values).sum(0)

    def transposed_times(self, vector: Tensor) -> Tensor:
        """Product (p,) of the transposed matrix with a vector (n,)."""
        return self._gathered(self.values * vector)

    def column_square_sums(self) -> Tensor:
        """Sums of squares (p,) of the columns' entries."""
        return self._gathered(self.values.square())

    def scaled(self, factor: Tensor) -> RowSparseMatrix:
        """Each row times its factor (n,)."""
        return RowSparseMatrix(self.columns, self.values * factor, self.width)

    def hard_threshold(self, least: float) -> RowSparseMatrix:
        """The same with 0 for entries of a smaller size."""
        return RowSparseMatrix(self.columns, F.hardshrink(self.values, least), self.width)

    def dense(self) -> Tensor:
        """The matrix (n, p)."""
        matrix = self.values.new_zeros(self.values.shape[1], self.width)
        return matrix.scatter_add_(1, self.columns.T, self.values.T)

    def _gathered(self, values: Tensor) -> Tensor:
        total = values.new_zeros(self.width)
        return total.scatter_add_(0, self.columns.flatten(), values.flatten())


class SparseJacobianShape(Shape):
    """A shape whose logit at a point depends on few of its many parameters.

    The fit solves the normal equations by conjugate gradients, without ever writing them down.
    """

    @abstractmethod
    def prior_mean(self) -> Tensor:
        """Parameter vector (p,) that a fit keeps near to where no sample says otherwise."""

    def prior_precision_product(self, vector: Tensor) -> Tensor:
        """A symmetric, positive definite matrix times a vector (p,): what holds the parameters.

        The fit adds a little of the quadratic form of what is away from rest to its objective.
        """
        return vector

    @abstractmethod
    def sparse_jacobian(self, points: Tensor) -> tuple[Tensor, RowSparseMatrix]:
        """Logit (n,) and its derivatives by the parameters.

        In the order of :meth:`parameter_vector`.
        """

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Logit (n,) and its derivatives (n, p); see :meth:`Shape.logit_and_jacobian`."""
        logit, rows = self.sparse_jacobian(points)
        return logit, rows.dense()
