"""What every implicit segmentation representation (ISR), here called a shape, has in common."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from napari_isr.evidence import DenseEvidence, Evidence
from napari_isr.geometry.image import ImageGeometry

__all__ = ["FitStage", "Shape", "ShapeOptions"]


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


@dataclass(frozen=True)
class FitStage:
    """One stage of a fit, from soft and simple to sharp and free.

    Parameters
    ----------
    sharpness : float
        Slope of the logit across the boundary, per object radius.
    iterations : int
        Steps of the second-order solver at most.
    simple : bool
        Fit the family's simple parameters only (:meth:`Shape.coarse_parameters`).
    detail : int
        Times as many sample points as the shape's budget says.
    fine : bool
        Nearly all of the points lie at the boundary, which is found to parts of a pixel.
    reseat : bool
        Begin by putting idle parts of the shape to use (:meth:`Shape.reassign_idle_parts`).
    """

    sharpness: float
    iterations: int
    coarse: bool = False
    oversampling: int = 1
    boundary_only: bool = False
    reassign_idle_parts: bool = False


class Shape(nn.Module, ABC):
    """A function of coordinates whose superlevel set ``{logit > 0}`` is the object.

    The property of the set is in the parametrisation: it holds for every value of the parameters
    and of the buffers ``anchor``, ``scale`` and ``sharpness``, so no step of any optimiser can
    break it and nothing is clamped afterwards. Parameters are relative to ``anchor`` and
    ``scale``, about the object's center and radius at the start, so that all are of order 1.

    Parameters
    ----------
    ndim : int
        Number of coordinates.
    options : ShapeOptionsWidget, optional
        Options of the family; default: the family's defaults.
    """

    name: ClassVar[str]
    """The name by which users ask for the shape."""
    guarantee: ClassVar[str]
    """One sentence for the user: what is true of the set, whatever the parameters."""
    fills_occlusions: ClassVar[bool] = False
    """Whether parts that are not seen are in the set because of those around them."""
    may_leave_fragments: ClassVar[bool] = False
    """Whether a step of a fit can bring pieces far from where the boundary was."""
    Options: ClassVar[type[ShapeOptions]]
    stages: ClassVar[tuple[FitStage, ...]]
    """The stages of a fit from nothing; a warm fit takes the last ones."""
    sample_budget: ClassVar[int] = 2048
    """About how many sample points a stage of a fit looks at."""
    start_cells: ClassVar[int] = 4096
    """At most how many cells of the image :meth:`initial_states` is given."""
    warm_stages: ClassVar[tuple[FitStage, ...] | None] = None
    """The stages of a warm fit; None: the last two of :attr:`compute_scales`."""
    n_candidates: ClassVar[int] = 1
    """How many of the starts are fitted for one stage before the best is chosen."""
    damping: ClassVar[float] = 1e-2
    """First damping of the second-order solver: larger where first steps tend to be too long."""
    anchor: Tensor
    scale: Tensor
    sharpness: Tensor

    def __init__(self, ndim: int, options: ShapeOptions | None = None) -> None:
        super().__init__()
        self.ndim = ndim
        self.options = options if options is not None else self.Options()
        self.explained_fraction: float | None = (
            None  # by the last fit: part of the evidence for the object
        )
        self.register_buffer("anchor", torch.zeros(ndim))
        self.register_buffer("scale", torch.tensor(0.5))
        self.register_buffer("sharpness", torch.tensor(float(self.stages[-1].sharpness)))

    @abstractmethod
    def forward(self, points: Tensor) -> Tensor:
        """Logit at points, positive inside.

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
        """State dictionaries to start a fit from, the most likely one first.

        Parameters
        ----------
        grid : DenseEvidence
            A few thousand cells at most.

        Returns
        -------
        list of dict
            To be given to :meth:`torch.nn.Module.load_state_dict`; a fit tries each and keeps
            the best.
        """

    @abstractmethod
    def describe(self, frame: ImageGeometry) -> dict[str, Any]:
        """Parameters a person can read (center, axis, ...), in pixels of ``frame``."""

    def stages_for(self, cells: int, *, warm: bool) -> tuple[FitStage, ...]:
        """Return the stages of a fit to evidence of so many finest cells.

        For families whose boundary is followed more closely where the cells tell more of it.
        """
        return (self.warm_stages or self.stages[-2:]) if warm else self.stages

    def apply_fixed_pose(self, frame: ImageGeometry) -> None:
        """Take places that the options give in pixels (a fixed center, an axis) into the shape.

        Raises
        ------
        InputError
            If a place does not fit the image.
        """

    def own_samples(self, evidence: Evidence, budget: int) -> tuple[Tensor, Tensor] | None:
        """Points (n, d) and their evidence (n,) to fit to; None: where the boundary runs.

        For shapes that know better which points tell most.
        """
        return None

    def feature_size(self, points: Tensor) -> Tensor | None:
        """Size (n,) of what the shape may make of nothing between samples; None: no such thing.

        Samples farther apart than that would leave parts of the shape free to be anything.
        """
        return None

    def lipschitz_bound(self) -> float | None:
        """Bound of the logit's slope within radius 2 of the origin, per unit; None: not known.

        With it, pixels far from the boundary are decided in blocks.
        """
        return None

    def coarse_parameters(self) -> Tensor | None:
        """Which entries of :meth:`parameter_vector` a simple stage fits (an index tensor).

        None: all.
        """
        return None

    def reassign_idle_parts(self, points: Tensor) -> None:
        """Put parts of the shape that no point (n, d) near the boundary feels where they help."""

    def to_local(self, points: Tensor) -> Tensor:
        """Coordinates relative to ``anchor`` in units of ``scale``."""
        return (points - self.anchor) / self.scale

    def logit_and_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit (n,) and its Jacobian (n, p).

        Columns follow the order of :meth:`parameter_vector`.

        The default differentiates :meth:`redo`; families with a closed form override it.
        """
        parameters = {name: value.detach() for name, value in self.named_parameters()}

        def at(values: dict[str, Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
            logit = functional_call(self, values, (point[None],))[0]
            return logit, logit

        gradients, logit = vmap(grad(at, has_aux=True), in_dims=(None, 0))(parameters, points)
        columns = [gradients[name].reshape(len(points), -1) for name in parameters]
        return logit, torch.cat(columns, dim=1)

    def parameter_vector(self) -> Tensor:
        """All parameters as one detached vector (p,)."""
        return torch.cat([value.detach().reshape(-1) for value in self.parameters()])

    @torch.no_grad()
    def load_vector(self, vector: Tensor) -> None:
        """Set all parameters from one vector (p,), as :meth:`parameter_vector` gives it."""
        start = 0
        for value in self.parameters():
            value.copy_(vector[start : start + value.numel()].view_as(value))
            start += value.numel()

    def with_state(self, state: dict[str, Tensor]) -> Self:
        """A copy with other values, quick to make; for families without submodules.

        Parameters
        ----------
        state : dict
            Tensors for all parameters and buffers; they are shared with the copy.
        """
        fresh = copy.copy(self)
        fresh._parameters = {
            name: nn.Parameter(state[name], requires_grad=False) for name in self._parameters
        }
        fresh._buffers = {name: state[name] for name in self._buffers}
        return fresh

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        # States that version 0.1 saved spell the name of this tensor differently.
        for name in [key for key in state_dict if key.startswith(prefix) and "centre" in key]:
            current = name[len(prefix) :].replace("centre", "center")
            state_dict[prefix + current] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """Show the options."""
        return f"ndim={self.ndim}, {self.options}"
