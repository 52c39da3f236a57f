"""Tubes: connected sets of frames, joined over time."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes.base import FitStage
from napari_isr.shapes.connected import Connected, ConnectedOptions
from napari_isr.shapes.time_varying import OverTime, TimeVaryingShape

__all__ = ["Tube", "TubeCrossSection"]

SOFTNESS = 0.1  # of the bend below which an offset does not fall
LEVELS = {2: 9, 3: 4}
FARTHEST = 0.7  # from the middle of the cube that an anchor is brought back to it
SETTLING = 4
KNOT = 5.5  # pixels at least between knots of the finest level
FINEST = {2: 40, 3: 8}  # knot intervals: fewer than of a picture, for every frame has its own


class TubeCrossSection(Connected):
    r"""A connected set that is never empty: the offsets are positive, so it holds its center.

    At the center the convex function is :math:`\log \sum_k \exp(-\beta b_k)`, and
    :math:`b_k > \log K / \beta` for each of the ``K`` pieces.
    """

    warm_stages = (FitStage(80, 2),)  # of more, boundaries follow what is uncertain
    usual_levels: ClassVar[dict[int, int]] = LEVELS
    finest: ClassVar[dict[int, int]] = FINEST

    @classmethod
    def for_geometry(cls, frame: ImageGeometry, options: ConnectedOptions) -> TubeCrossSection:
        """Make a cross-section for frames of this size. Small frames get coarse knots."""
        return cls(frame.ndim, options, most=max(round(max(frame.shape) / KNOT), 1))

    def _offsets(self) -> tuple[Tensor, Tensor]:
        raw = self.pieces[:, -1:]
        length = (raw * raw + SOFTNESS**2).sqrt()
        least = math.log(len(raw)) / self.sharpness
        return least + (raw + length) / 2, (1 + raw / length) / 2

    def warp(self, points: Tensor) -> Tensor:
        """Warp points so that the anchor lies near the middle of the cube."""
        place, shift = super().warp(points), self._shift()
        return (place - shift) / (1 - shift * place)

    def warp_jacobian(self, points: Tensor) -> Tensor:
        """Return derivatives (n, d) of the warp at points (n, d), axis by axis."""
        place, shift = super().warp(points), self._shift()
        slope = (1 - shift * shift) / (1 - shift * place).square()
        return super().warp_jacobian(points) * slope

    def _demagnified(self, points: Tensor) -> Tensor:
        shift = self._shift()
        return super()._demagnified((points + shift) / (1 + shift * points))

    def _shift(self) -> Tensor:
        """Return the position of the anchor in the cube without the second part of the warp."""
        low, high = self._ends()
        return (-(low + high) / (high - low)).clamp(-FARTHEST, FARTHEST)

    @torch.no_grad()
    def move_to(self, anchor: Tensor, ratio: Tensor) -> None:
        """Bring the set to another place of the image, ``ratio`` times as large.

        Its parameters stay: so the sets of all frames can begin as one.
        """
        before = self.warp_jacobian(self.anchor[None])[0]
        self.scale.mul_(ratio)
        self.anchor.copy_(anchor)
        for _ in range(SETTLING):  # until the warp enlarges that place as it did the other
            wanted = before / ratio
            self.spread.mul_((self.warp_jacobian(anchor[None])[0] / wanted).clamp(0.5, 2))

    def center(self) -> Tensor:
        """Return a point (d,) of the set, which follows the parameters continuously."""
        return self._demagnified(self.deformation.inverse(self.middle[:, None]).T)[0]


class Tube(TimeVaryingShape):
    r"""``{(t, x) : t_0 < t < t_1, f_t(\varphi_t(x)) \le 0}``: a connected set at every time.

    Every frame is one piece without holes, and holds the preimage :math:`\varphi_t^{-1}(m_t)` of
    a center, which moves continuously: from any point of the tube a way leads to the center of its
    frame and along the centers to every other frame. So the tube is one piece, for every value of
    the parameters. It may begin and end within the sequence, but not break: it is there from the
    first control with a positive presence to the last one.
    """

    stiffness: ClassVar[float] = 30.0  # frames begin as one set, and small parts of it move alone

    def __init__(
        self, inner: TubeCrossSection, frame: TimeSeriesGeometry, over_time: OverTime = "smooth"
    ) -> None:
        super().__init__(inner, frame, over_time)
        self.guarantee = (  # type: ignore[misc]
            "the object is one tube: one piece without holes in every frame, "
            "and joined from frame to frame"
        )

    def is_present(self, time: float) -> bool:
        """Whether the tube is there at a time (shape coordinate)."""
        there = (self.presence > 0).nonzero()[:, 0]
        if not len(there):
            return False
        low, high, _ = self.interpolation_weights(time)
        return (int(there[0]) <= low and high <= int(there[-1])) or super().is_present(time)

    @torch.no_grad()
    def path_between(self, start: Tensor, stop: Tensor, fractions: Tensor) -> Tensor:
        """Return points (m, d) on a path in the tube between two of its points (d,).

        A third of the way leads to the center of the frame, a third along the centers, and a
        third from there.
        """
        ends = torch.stack([start, stop])
        legs = (fractions * 3).clamp(0, 3)
        found = start.new_empty(len(fractions), len(start))
        for end, share in ((0, legs), (1, 3 - legs)):
            chosen = (share < 1).nonzero()[:, 0]
            if not len(chosen):
                continue
            slice_ = self._slice(float(ends[end, 0]))
            found[chosen, 0] = ends[end, 0]
            found[chosen, 1:] = slice_.path_between(ends[end, 1:], slice_.center(), share[chosen])
        for index in ((legs >= 1) & (legs <= 2)).nonzero()[:, 0].tolist():
            time = torch.lerp(start[0], stop[0], legs[index] - 1)
            found[index, 0] = time
            found[index, 1:] = self._slice(float(time)).center()
        return found

    @torch.no_grad()
    def interior_point(self) -> Tensor:
        """Return the center (d,) at the middle of the time in which the tube is present."""
        there = self.knots[self.presence > 0]
        time = (there[0] + there[-1]) / 2 if len(there) else self.knots.mean()
        return torch.cat([time[None], self._slice(float(time)).center()])

    def _slice(self, time: float) -> TubeCrossSection:
        self._load(time)
        assert isinstance(self.frame_shape, TubeCrossSection)
        return self.frame_shape
