"""Crops of maps around the strokes, to train convolutions on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["PatchSampler", "reflect_pad"]

CROPS = 12  # in a step, over all classes


class PatchSampler:
    """Draws crops of planes, equally many around the strokes of each class that has any.

    Parameters
    ----------
    planes : (p, c, h, w) tensor
        What is to be looked at.
    mass : (p, classes, h, w) tensor
        How much each cell says for each class.
    tile : int
        Cells along each side that a crop predicts; planes that are smaller stay whole.
    margin : int
        Further cells that a crop of the planes shows on each side, reflected at their border.
    """

    def __init__(self, planes: Tensor, mass: Tensor, tile: int, margin: int) -> None:
        self.planes, self.mass, self.margin = reflect_pad(planes, margin), mass, margin
        self.tile = [min(tile, n) for n in mass.shape[-2:]]

    def draw(self, steps: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of planes (n, c, ...) and of mass (n, classes, ...)."""
        places = self._places(steps, generator)
        high, wide = (n + 2 * self.margin for n in self.tile)
        for batch in places:
            planes = [self.planes[p, :, i : i + high, j : j + wide] for p, i, j in batch]
            mass = [
                self.mass[p, :, i : i + self.tile[0], j : j + self.tile[1]] for p, i, j in batch
            ]
            yield torch.stack(planes), torch.stack(mass)

    def _places(self, steps: int, generator: torch.Generator) -> list[list[list[int]]]:
        """Plane, first row and first column of every crop of every step.

        Drawn on the CPU, so that all devices see the same.
        """
        classes = self.mass.shape[1]
        each = -(-CROPS // classes)
        columns = []
        for mass in self.mass.movedim(1, 0).cpu():
            where = mass.nonzero()
            if not len(where):
                continue
            weight = mass[tuple(where.T)]
            chosen = torch.multinomial(weight, steps * each, replacement=True, generator=generator)
            columns.append(where[chosen].view(steps, each, 3))
        places = torch.cat(columns, dim=1)
        for axis, (size, side) in enumerate(zip(self.mass.shape[-2:], self.tile, strict=True), 1):
            shift = torch.randint(side, places.shape[:2], generator=generator)
            places[..., axis] = (places[..., axis] - shift).clamp(0, size - side)
        found: list[list[list[int]]] = places.tolist()
        return found


def reflect_pad(planes: Tensor, margin: int) -> Tensor:
    """Planes (..., h, w) with a margin, reflected at the border as often as need be."""
    for axis in (-2, -1):
        size = planes.shape[axis]
        index = torch.arange(-margin, size + margin, device=planes.device)
        if size > 1:
            index = index.remainder(2 * size - 2)
            index = torch.minimum(index, 2 * size - 2 - index)
        else:
            index = torch.zeros_like(index)
        planes = planes.index_select(axis, index)
    return planes
