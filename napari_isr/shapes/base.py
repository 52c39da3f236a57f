"""Base classes of all shapes: implicit segmentation representations (ISR)."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry

__all__ = ["ICONS", "FitStage", "OverTime", "Shape", "ShapeDescription", "ShapeOptions"]

OverTime = Literal["smooth", "frames"]
ICONS = Path(__file__).parent / "icons"


class ShapeOptions(BaseModel):
    """Options of a shape, as written after the colon of ``name:option=value,option=value``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    aliases: ClassVar[dict[str, str]] = {}
    """Current names of options, keyed by former names, which are still read."""

    @model_validator(mode="before")
    @classmethod
    def _rename_former_options(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {cls.aliases.get(key, key): value for key, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class ShapeDescription:
    """Facts about a shape for users and for the parts of the program that serve all shapes.

    Parameters
    ----------
    title : str
        Short name on the tile of the shape picker.
    hint : str
        One line that says when to choose the shape, with examples.
    adjective : str
        Completes "Make this mask …" in menus.
    certificate_checks : tuple of str
        Names of the checks of a result; see
        :func:`napari_isr.certificates.register_certificate_check`.
    conflict_tests : tuple of str, optional
        Names of the tests for strokes that no such shape can separate; see
        :func:`napari_isr.scribble_conflicts.register_conflict_test`.
    icon : str or Path, optional
        SVG text, or the path of an SVG file. ``currentColor`` stands for the color of the theme.
    single_piece : bool, optional
        Whether the set has one component without holes.
    extra_coordinates : bool, optional
        Whether the shape has a meaning in coordinates without a common unit, such as depth.
    position : int, optional
        Sort key in lists of shapes. Built-in shapes have positions below 100.
    """

    title: str
    hint: str
    adjective: str
    certificate_checks: tuple[str, ...]
    conflict_tests: tuple[str, ...] = ()
    icon: str | Path = ""
    single_piece: bool = False
    extra_coordinates: bool = False
    position: int = 100

    def icon_text(self) -> str:
        """Return the SVG text of the icon, empty if there is none."""
        return self.icon if isinstance(self.icon, str) else self.icon.read_text(encoding="utf-8")


@dataclass(frozen=True)
class FitStage:
    """One stage of a fit, from a soft and simple shape to a sharp and free one.

    Parameters
    ----------
    sharpness : float
        Slope of the logit across the boundary, per object radius.
    iterations : int
        Maximum number of steps of the second-order solver.
    coarse : bool
        Fit only the parameters of :meth:`Shape.coarse_parameters`.
    oversampling : int
        Factor on the sample budget of the shape.
    boundary_only : bool
        Draw nearly all samples near the boundary, which is located to parts of a pixel.
    reassign_idle_parts : bool
        Call :meth:`Shape.reassign_idle_parts` first.
    """

    sharpness: float
    iterations: int
    coarse: bool = False
    oversampling: int = 1
    boundary_only: bool = False
    reassign_idle_parts: bool = False


class Shape(nn.Module, ABC):
    """A function of coordinates whose superlevel set ``{logit > 0}`` is the object.

    The parametrization ensures the property of the set. The property holds for every value of the
    parameters and of the buffers ``anchor``, ``scale`` and ``sharpness``. No step of an optimizer
    can violate it, and nothing is clamped after a step. Parameters are relative to ``anchor`` and
    ``scale``, about the center and the radius of the object at the start of a fit, so that all
    parameters are of order 1.

    Parameters
    ----------
    ndim : int
        Number of coordinates.
    options : ShapeOptions, optional
        Options of the shape. Default: the defaults of :attr:`Options`.
    """

    name: ClassVar[str]
    """Name by which users request the shape."""
    guarantee: ClassVar[str]
    """One sentence for users: the property that holds for all parameters."""
    description: ClassVar[ShapeDescription]
    Options: ClassVar[type[ShapeOptions]] = ShapeOptions
    fills_occlusions: ClassVar[bool] = False
    """Whether the set contains hidden parts because of the visible parts around them."""
    may_leave_fragments: ClassVar[bool] = False
    """Whether a fit step can add components far from the previous boundary."""
    stages: ClassVar[tuple[FitStage, ...]] = (FitStage(12, 6), FitStage(50, 6), FitStage(100, 4))
    """Stages of a cold fit. A warm fit uses the last ones."""
    warm_stages: ClassVar[tuple[FitStage, ...] | None] = None
    """Stages of a warm fit, None for the last two of :attr:`stages`."""
    sample_budget: ClassVar[int] = 2048
    """Approximate number of sample points in a stage."""
    start_cells: ClassVar[int] = 4096
    """Maximum number of cells of the evidence for :meth:`initial_states`."""
    n_candidates: ClassVar[int] = 1
    """Number of initial states that are fitted for one stage before the best is chosen."""
    damping: ClassVar[float] = 1e-2
    """Initial damping of the second-order solver. Larger values shorten the first steps."""
    anchor: Tensor
    scale: Tensor
    sharpness: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__()
        self.ndim = ndim
        self.options = options if options is not None else self.Options()
        # Fraction of the evidence for the object that the last fit explained, None before a fit.
        self.explained_fraction: float | None = None
        self.register_buffer("anchor", torch.zeros(ndim))
        self.register_buffer("scale", torch.tensor(0.5))
        self.register_buffer("sharpness", torch.tensor(float(self.stages[-1].sharpness)))

    @classmethod
    def build_for_sequence(
        cls, geometry: TimeSeriesGeometry, options: ShapeOptions, over_time: OverTime
    ) -> Shape:
        """Build the shape of all frames of a sequence."""
        from napari_isr.shapes.time_varying import TimeVaryingShape

        return TimeVaryingShape(cls(geometry.ndim - 1, options), geometry, over_time)

    @abstractmethod
    def forward(self, points: Tensor) -> Tensor:
        """Return the logit at points, positive inside.

        Parameters
        ----------
        points : (n, d) tensor
            Shape coordinates (see :class:`napari_isr.geometry.image.ImageGeometry`).

        Returns
        -------
        (n,) tensor
        """

    @abstractmethod
    def initial_states(self, grid: DenseEvidence) -> list[dict[str, Tensor]]:
        """Return state dictionaries from which a fit starts, the most likely one first.

        Parameters
        ----------
        grid : DenseEvidence
            A few thousand cells.

        Returns
        -------
        list of dict
            Arguments of :meth:`torch.nn.Module.load_state_dict`. A fit tries each and keeps the
            best.
        """

    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Return readable parameters (center, axis, ...) in pixels of ``frame``."""
        return {}

    def stages_for(self, cells: int, *, warm: bool) -> tuple[FitStage, ...]:
        """Return the stages of a fit to evidence with a number of finest cells.

        Shapes override it if the number of cells decides how closely the boundary is followed.
        """
        return (self.warm_stages or self.stages[-2:]) if warm else self.stages

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Copy poses that the options give in pixels (center, axis, lattice) into the shape.

        Raises
        ------
        InputError
            If a pose does not fit the image.
        """

    def own_samples(self, evidence: Evidence, budget: int) -> tuple[Tensor, Tensor] | None:
        """Return points (n, d) and evidence (n,) to fit, or None for samples at the boundary.

        Shapes override it if they have more informative samples.
        """
        return None

    def feature_size(self, points: Tensor) -> Tensor | None:
        """Return the smallest feature size at each point, shape (n,).

        None if the shape has no free detail between samples. Samples that are farther apart than
        this size leave parts of the shape undetermined.
        """
        return None

    def lipschitz_bound(self) -> float | None:
        """Return a bound on the slope of the logit within radius 2 of the origin.

        None if no bound is known. With a bound, the rasterizer decides blocks of pixels that are
        far from the boundary at once.
        """
        return None

    def coarse_parameters(self) -> Tensor | None:
        """Return the indices into :meth:`parameter_vector` that a coarse stage fits.

        None for all parameters.
        """
        return None

    def reassign_idle_parts(self, points: Tensor) -> None:
        """Move parts of the shape that do not affect points (n, d) near the boundary."""

    def to_local(self, points: Tensor) -> Tensor:
        """Return coordinates relative to ``anchor`` in units of ``scale``."""
        return (points - self.anchor) / self.scale

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit (n,) and its Jacobian (n, p).

        Columns follow the order of :meth:`parameter_vector`. The default differentiates
        :meth:`forward` automatically. Shapes with a closed form override it.
        """
        parameters = {name: value.detach() for name, value in self.named_parameters()}

        def at(values: dict[str, Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
            logit = functional_call(self, values, (point[None],))[0]
            return logit, logit

        gradients, logit = vmap(grad(at, has_aux=True), in_dims=(None, 0))(parameters, points)
        columns = [gradients[name].reshape(len(points), -1) for name in parameters]
        return logit, torch.cat(columns, dim=1)

    def parameter_vector(self) -> Tensor:
        """Return all parameters as one detached vector (p,)."""
        return torch.cat([value.detach().reshape(-1) for value in self.parameters()])

    @torch.no_grad()
    def load_vector(self, vector: Tensor) -> None:
        """Set all parameters from a vector (p,) in the order of :meth:`parameter_vector`."""
        start = 0
        for value in self.parameters():
            value.copy_(vector[start : start + value.numel()].view_as(value))
            start += value.numel()

    def with_state(self, state: dict[str, Tensor]) -> Self:
        """Return a shallow copy with other values, for shapes without submodules.

        Parameters
        ----------
        state : dict
            Tensors for all parameters and buffers. The copy shares them.
        """
        fresh = copy.copy(self)
        fresh._parameters = {
            name: nn.Parameter(state[name], requires_grad=False) for name in self._parameters
        }
        fresh._buffers = {name: state[name] for name in self._buffers}
        return fresh

    def register_pose(self, name: str, value: Tensor, *, fixed: bool) -> None:
        """Register a pose as a parameter, or as a buffer if the user fixed it."""
        if fixed:
            self.register_buffer(name, value)
        else:
            self.register_parameter(name, nn.Parameter(value))

    def initial_state(self, **values: Tensor) -> dict[str, Tensor]:
        """Return a copy of the state with other values and the sharpness of the first stage."""
        state = {name: value.detach().clone() for name, value in self.state_dict().items()}
        state.update(values)
        state["sharpness"] = torch.full_like(self.sharpness, self.stages[0].sharpness)
        return state

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        # States that version 0.1 saved spell the name of this tensor differently.
        for name in [key for key in state_dict if key.startswith(prefix) and "centre" in key]:
            current = name[len(prefix) :].replace("centre", "center")
            state_dict[prefix + current] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """Return the dimension and the options for ``repr``."""
        return f"ndim={self.ndim}, {self.options}"
