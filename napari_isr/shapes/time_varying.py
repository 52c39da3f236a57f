"""Time-varying shapes, whose parameters are functions of time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from napari_isr.evidence import DenseEvidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes.base import FitStage, OverTime, Shape
from napari_isr.shapes.sparse_jacobian import RowSparseMatrix, SparseJacobianShape

__all__ = ["ABSENT", "OverTime", "TimeVaryingShape"]

CONTROLS = 12  # times between which parameters are interpolated, at most
AT_CONTROL = 1e-4  # of the way to the next one: then only one counts
ABSENT = -1.0  # logit at most where the object is not there


class TimeVaryingShape(SparseJacobianShape):
    r"""``{(t, x) : G_{\nu(t)}(x) > 0}`` for a family ``G`` with parameters that follow the time.

    Parameters and buffers of the family are given at a few times (controls) and interpolated
    linearly between them, or taken from the nearest control with ``over_time="frames"``, where
    every frame is one. The family has its property for every value of its parameters, so every
    frame, and every time between, has it. Beside them there is a presence at each control; where
    it is not positive the object is not there.

    Parameters
    ----------
    inner : Shape
        Of the family, for one frame.
    frame : TimeSeriesGeometry
        The sequence.
    over_time : {"smooth", "frames"}, optional
        How the parameters follow the time.
    """

    stages: ClassVar[tuple[FitStage, ...]] = (FitStage(10, 6),)
    stiffness: ClassVar[float] = 300.0
    """Of the parameters over time, beside their pull to rest."""
    knots: Tensor
    presence: Tensor

    def __init__(
        self, inner: Shape, frame: TimeSeriesGeometry, over_time: OverTime = "smooth"
    ) -> None:
        # The families' class attributes are this object's own: it stands for one of them.
        super().__init__(inner.ndim + 1, inner.options)
        self.name, self.guarantee = inner.name, f"in every frame, {inner.guarantee}"  # type: ignore[misc]
        self.stages, self.sample_budget = inner.stages, inner.sample_budget  # type: ignore[misc]
        self.description = inner.description  # type: ignore[misc]
        self.fills_occlusions = inner.fills_occlusions  # type: ignore[misc]
        self.over_time: OverTime = over_time
        self.space = frame.frame_geometry
        self._inner = [inner.requires_grad_(False)]  # a list: its parameters are not ours
        count = frame.shape[0] if over_time == "frames" else min(frame.shape[0], CONTROLS)
        first, last = frame.times([0, frame.shape[0] - 1]).tolist()
        knots = torch.linspace(first, last, count) if count > 1 else torch.zeros(1)
        self.register_buffer("knots", knots)
        self.register_buffer("presence", torch.ones(count))
        self.track = nn.Parameter(inner.parameter_vector().repeat(count, 1))
        self._shared: list[str] = []
        for name, value in inner.named_buffers():
            if name in inner.state_dict() and value.is_floating_point():
                self.register_buffer(_key(name), value.expand(count, *value.shape).clone())
                self._shared.append(name)
        self.start: dict[str, Tensor] | None = None
        self.held: list[float] | None = None  # by frames the last fit looked at, as explained

    @property
    def frame_shape(self) -> Shape:
        """The family's shape of one frame; which one is up to the last call."""
        return self._inner[0]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        self._inner[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def interpolation_weights(self, time: float) -> tuple[int, int, float]:
        """Return the controls around a time, and the weight of the second one."""
        count = len(self.knots)
        if count == 1:
            return 0, 0, 0.0
        first, last = float(self.knots[0]), float(self.knots[-1])
        place = min(max((time - first) / (last - first) * (count - 1), 0.0), count - 1.0)
        if self.over_time == "frames":
            nearest = int(place + 0.5)
            return nearest, nearest, 0.0
        low = min(int(place), count - 2)
        share = place - low
        if share < AT_CONTROL or share > 1 - AT_CONTROL:
            low += share > 0.5
            return low, low, 0.0
        return low, low + 1, share

    def is_present(self, time: float) -> bool:
        """Whether the object is there at a time (shape coordinate)."""
        low, high, share = self.interpolation_weights(time)
        return float(self.presence[low] + share * (self.presence[high] - self.presence[low])) > 0

    @torch.no_grad()
    def _load(self, time: float) -> tuple[int, int, float]:
        """Bring :attr:`frame_shape` to a time."""
        low, high, share = self.interpolation_weights(time)
        self.frame_shape.load_vector(torch.lerp(self.track[low], self.track[high], share))
        for name in self._shared:
            values = getattr(self, _key(name))
            _buffer(self.frame_shape, name).copy_(torch.lerp(values[low], values[high], share))
        self.frame_shape.sharpness.copy_(self.sharpness)
        return low, high, share

    def shape_at(self, time: float) -> Shape:
        """Return a copy of the shape at a normalized time. See :meth:`is_present`."""
        self._load(time)
        return copy.deepcopy(self.frame_shape)

    def load_at(self, time: float) -> Shape:
        """Load the parameters of a normalized time, and return the shape without a copy."""
        self._load(time)
        return self.frame_shape

    def set_control(self, index: int, inner: Shape) -> None:
        """Take the parameters and buffers of a control from a shape of the family."""
        with torch.no_grad():
            self.track[index] = inner.parameter_vector()
            for name in self._shared:
                getattr(self, _key(name))[index] = _buffer(inner, name)

    def forward(self, points: Tensor) -> Tensor:
        """Logit at points (n, d), time first; see :meth:`Shape.forward`."""
        if not len(points):
            return points.new_zeros(0)
        parts, order = [], []
        for time, index in _by_time(points):
            self._load(time)
            logit = self.frame_shape(points[index, 1:])
            parts.append(logit if self.is_present(time) else logit.clamp_max(ABSENT))
            order.append(index)
        result = torch.empty_like(points[:, 0])
        result[torch.cat(order)] = torch.cat(parts)
        return result

    def prior_mean(self) -> Tensor:
        """Return the initial parameters of the family. See :class:`SparseJacobianShape`."""
        if self.start is None:
            return self.parameter_vector()
        return self.start["track"].flatten()

    def prior_precision_product(self, vector: Tensor) -> Tensor:
        """Multiply by the precision of the prior, which couples each control to its neighbors."""
        table = vector.view_as(self.track)
        change = self.stiffness * (len(table) - 1) * table.diff(dim=0)
        pulled = table.clone()
        pulled[:-1] -= change
        pulled[1:] += change
        return pulled.flatten()

    @torch.no_grad()
    def sparse_jacobian(self, points: Tensor) -> tuple[Tensor, RowSparseMatrix]:
        """Return the logit and the Jacobian of the controls. See :class:`SparseJacobianShape`.

        Shared among their controls; see :class:`SparseJacobianShape`.
        """
        width, found = self.track.shape[1], []
        for time, index in _by_time(points):
            low, high, share = self._load(time)
            logit, rows = _rows(self.frame_shape, points[index, 1:])
            found.append((index, logit, rows, low, high, share))
        alone = all(low == high for *_, low, high, _ in found)
        columns, values = [], []
        for _, _, rows, low, high, share in found:
            parts = [(low, 1 - share)] if alone else [(low, 1 - share), (high, share)]
            columns.append(torch.cat([rows.columns + k * width for k, _ in parts]))
            values.append(torch.cat([rows.values * weight for _, weight in parts]))
        back = torch.cat([index for index, *_ in found]).argsort()
        joined = RowSparseMatrix(
            torch.cat(columns, dim=1)[:, back],
            torch.cat(values, dim=1)[:, back],
            self.track.numel(),
        )
        return torch.cat([logit for _, logit, *_ in found])[back], joined

    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Fitted in frames of their own: see :mod:`napari_isr.fitting.sequence_fit`."""
        raise NotImplementedError

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Take places that the options give in pixels of a frame.

        See :meth:`Shape.apply_fixed_pose`.
        """
        self.frame_shape.apply_fixed_pose(self.space)
        for index in range(len(self.knots)):
            self.set_control(index, self.frame_shape)

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Describe the shape of each frame, keyed by frame."""
        assert isinstance(frame, TimeSeriesGeometry)
        found = {n: self.describe_at(t, frame) for n, t in _numbered(frame)}
        return {"frames": found} if any(found.values()) else {}

    def describe_at(self, time: float, frame: TimeSeriesGeometry) -> Mapping[str, Any]:
        """Describe the shape at a time in pixels of a frame."""
        self._load(time)
        return self.frame_shape.describe(frame.frame_geometry)


def _numbered(frame: TimeSeriesGeometry) -> list[tuple[int, float]]:
    return list(enumerate(frame.times(range(frame.shape[0])).tolist()))


def _by_time(points: Tensor) -> list[tuple[float, Tensor]]:
    """Group points (n, d) by their rising times."""
    times, member = points[:, 0].unique(return_inverse=True)
    if len(times) == 1:
        return [(float(times[0]), torch.arange(len(points), device=points.device))]
    order = member.argsort(stable=True)
    counts = member.bincount(minlength=len(times)).tolist()
    return list(zip(times.tolist(), order.split(counts), strict=True))


def _rows(inner: Shape, points: Tensor) -> tuple[Tensor, RowSparseMatrix]:
    if isinstance(inner, SparseJacobianShape):
        return inner.sparse_jacobian(points)
    logit, jacobian = inner.logit_and_jacobian(points)
    width = jacobian.shape[1]
    columns = torch.arange(width, device=points.device)[:, None].expand(width, len(points))
    return logit.detach(), RowSparseMatrix(columns, jacobian.detach().T, width)


def _key(name: str) -> str:
    return "of_" + name.replace(".", "_")


def _buffer(shape: nn.Module, name: str) -> Tensor:
    return shape.get_buffer(name)
