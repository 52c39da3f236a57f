"""Configuration of a segmentation.

Importing this module loads neither torch nor Qt.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from operator import index
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from napari_isr.errors import InputError, suggest_name
from napari_isr.lazy_arrays import check_memory
from napari_isr.scribbles import FIRST_OBJECT

__all__ = [
    "AXES",
    "DEFAULT_AXES_BY_NDIM",
    "DEFAULT_SHAPE",
    "MODES",
    "CoordinateOptions",
    "SegmentationConfig",
    "resolve_mode",
]

AXES = ("yx", "zyx", "tyx", "tzyx")
MODES = ("auto", "sequential", "joint")
AUTO_MODE = "sequential"
DEFAULT_SHAPE = "convex"
# Default axes of an image, keyed by their number.
DEFAULT_AXES_BY_NDIM = {2: "yx", 3: "zyx", 4: "tzyx"}

# Settings that hold for one machine only, so that sessions do not store them.
MACHINE_SETTINGS = ("device", "memory", "most_pixels", "weights", "dino", "download")


if TYPE_CHECKING:
    from napari_isr.shapes.registry import ShapeSpec

    ShapeChoice = str | ShapeSpec
else:
    # The module of ShapeSpec loads torch.
    ShapeChoice = Any


def _check_shape(shape: Any) -> ShapeChoice:
    if isinstance(shape, str):
        return shape
    from napari_isr.shapes.registry import ShapeSpec

    return ShapeSpec.parse(shape)


def _check_label(label: int) -> int:
    if label < FIRST_OBJECT:
        raise InputError(
            f"a shape is given for label {label}: labels of objects are 2, 3, ..., for 1 is the "
            "background"
        )
    return label


def _check_axes(axes: Any) -> Any:
    if axes is not None and axes not in AXES:
        raise InputError(f"axes must be one of {', '.join(AXES)}, not '{axes}'")
    return axes


def _check_mode(mode: Any) -> Any:
    resolve_mode(mode)
    return mode


def _join_names(names: Any) -> Any:
    return ",".join(map(str, names)) if _is_collection(names) else names


def _is_collection(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


# Numbers of numpy are no subclasses of int, and pydantic accepts no arrays as tuples.
_Integer = Annotated[int, BeforeValidator(lambda n: index(n) if hasattr(n, "__index__") else n)]
_Numbers = Annotated[
    tuple[float | None, ...], BeforeValidator(lambda v: tuple(v) if _is_collection(v) else v)
]
_Label = Annotated[_Integer, AfterValidator(_check_label)]
_Shape = Annotated[ShapeChoice, BeforeValidator(_check_shape), PlainSerializer(str)]
_Names = Annotated[str, BeforeValidator(_join_names)]
_Axes = Annotated[Literal["yx", "zyx", "tyx", "tzyx"] | None, BeforeValidator(_check_axes)]
_Mode = Annotated[Literal["auto", "sequential", "joint"], BeforeValidator(_check_mode)]
_Megabytes = Annotated[
    float | None, AfterValidator(lambda value: value if value is None else check_memory(value))
]
_File = Annotated[
    str | None, BeforeValidator(lambda p: os.fspath(p) if isinstance(p, os.PathLike) else p)
]


class CoordinateOptions(BaseModel):
    """Options of one further coordinate, whose values are passed beside the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(1.0, description="Factor beside the axes of the image.")
    unit: str = Field("", description="Unit of the values, for reports.")


class SegmentationConfig(BaseModel):
    """Settings of a segmentation.

    The configuration holds plain values, so that it can be stored as JSON. Arrays (image,
    scribbles, precomputed unaries, values of coordinates) are passed beside it.

    Parameters
    ----------
    **settings
        The fields of the model. ``shape`` may also be a mapping from label to shape, then objects
        that it leaves out are ``"convex"``. Shapes may be :class:`napari_isr.ShapeSpec`, and
        ``features`` a sequence of names.

    Raises
    ------
    InputError
        If a value is invalid.

    Examples
    --------
    >>> config = SegmentationConfig(shape={3: "star"}, mode="joint")
    >>> config.shape_for(2), config.shape_for(3)
    ('convex', 'star')
    >>> SegmentationConfig(mode="fast")
    Traceback (most recent call last):
    ...
    napari_isr.errors.InputError: unknown mode 'fast': known: auto, sequential, joint
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: _Shape = Field(
        DEFAULT_SHAPE, description="Shape of objects that own_shapes leaves out, with options."
    )
    own_shapes: dict[_Label, _Shape] = Field(
        {}, description="Shapes of single objects, keyed by label."
    )
    predictor: str = Field("auto", description="Name of the predictor.")
    features: _Names = Field("auto", description="Names of the features, separated by commas.")
    mode: _Mode = Field("auto", description="Order in which predictor and shapes are optimized.")
    axes: _Axes = Field(None, description="Axes of the image: yx, zyx, tyx or tzyx.")
    spacing: _Numbers = Field(
        (),
        description="Distance of pixel centers along each axis, 1 each if empty. The spacing of "
        "time is the weight of one frame, or None for the longest side of a frame.",
    )
    per_frame: bool = Field(False, description="Fit each frame of a sequence on its own.")
    coordinates: dict[str, CoordinateOptions] = Field(
        {}, description="Options of further coordinates, keyed by name."
    )
    device: str = Field("auto", description="Device of the computation: auto, cpu, cuda, mps, xpu.")
    seed: _Integer = Field(0, description="Seed of all random numbers.")
    memory: _Megabytes = Field(
        None, description="Megabytes that pixels may occupy, None for the default budget."
    )
    most_pixels: int | None = Field(
        None, description="Pixels of the results of a larger image, None for those of the image."
    )
    weights: _File = Field(None, description="Weights file of the semantic features.")
    dino: _File = Field(None, description="Weights file of the dino features.")
    download: bool = Field(False, description="Download missing weights of the dino features.")

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise _input_error(error) from None

    @model_validator(mode="before")
    @classmethod
    def _split_shapes(cls, settings: Any) -> Any:
        shape = settings.get("shape") if isinstance(settings, Mapping) else None
        if not isinstance(shape, Mapping):
            return settings
        own = {**shape, **settings.get("own_shapes", {})}
        return {**settings, "shape": DEFAULT_SHAPE, "own_shapes": own}

    @model_validator(mode="after")
    def _check_per_frame(self) -> Self:
        if self.per_frame and not self.is_sequence:
            raise InputError("per_frame is for sequences: say axes='tyx', with the time first")
        return self

    @classmethod
    def from_keywords(cls, config: SegmentationConfig | None, **settings: Any) -> Self:
        """Collect the keyword arguments of a call, or take its ``config``.

        Parameters
        ----------
        config : SegmentationConfig or None
            The configuration that was passed, if any.
        **settings
            The keyword arguments with their defaults.

        Raises
        ------
        InputError
            If a value is invalid, or is set both ways.
        """
        collected = cls(**settings)
        if config is None:
            return collected
        both = [name for name, value in collected if value != cls.model_fields[name].default]
        if both:
            raise InputError(
                f"'{both[0]}' is set beside config: set it in the configuration, for example with "
                f"config.replace({both[0]}=...)"
            )
        return cls(**dict(config))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Read a dictionary of settings that a session or a batch stored.

        Unknown entries and entries of a wrong type are left out. Those of other versions do not
        prevent a session from being opened.

        Raises
        ------
        InputError
            If a value has the right type but is invalid, such as a mode that does not exist.

        Examples
        --------
        >>> old = {"shape": "star", "own_shapes": {"3": "convex"}, "live": True, "axes": ""}
        >>> SegmentationConfig.from_settings(old).own_shapes
        {3: 'convex'}
        """
        known = {
            name: settings[name]
            for name, field in cls.model_fields.items()
            if name in settings and _has_type_of(settings[name], field.default)
        }
        # The window stores the name of the first axis, which is ambiguous without the image.
        if known.get("axes") not in AXES:
            known.pop("axes", None)
        if not known.get("axes", "").startswith("t"):
            known.pop("per_frame", None)
        return cls(**known)

    def to_settings(self) -> dict[str, Any]:
        """Return the settings that hold on every machine, as values of JSON."""
        return self.model_dump(mode="json", exclude=set(MACHINE_SETTINGS))

    def replace(self, **settings: Any) -> Self:
        """Return a validated copy with other values of some fields."""
        if isinstance(settings.get("shape"), Mapping):
            settings.setdefault("own_shapes", {})
        return type(self)(**{**dict(self), **settings})

    def for_labels(self, labels: Collection[int]) -> Self:
        """Return a copy without the shapes of objects that are not among ``labels``."""
        own = {label: shape for label, shape in self.own_shapes.items() if label in labels}
        return self.replace(own_shapes=own)

    @property
    def is_sequence(self) -> bool:
        """Whether the first axis is time."""
        return self.axes is not None and self.axes.startswith("t")

    def check_ndim(self, ndim: int) -> None:
        """Raise an InputError unless ``axes`` names ``ndim`` axes."""
        if self.axes is not None and len(self.axes) != ndim:
            raise InputError(
                f"axes '{self.axes}' names {len(self.axes)} axes, but the array has {ndim}"
            )

    def shape_for(self, label: int) -> ShapeChoice:
        """Return the shape of an object, with ``over_time=frames`` if frames are fitted singly."""
        shape = self.own_shapes.get(label, self.shape)
        if not self.per_frame:
            return shape
        if not isinstance(shape, str):
            return replace(shape, over_time="frames")
        return f"{shape}{',' if ':' in shape else ':'}over_time=frames"

    def shapes_for(self, labels: Iterable[int]) -> dict[int, ShapeChoice]:
        """Return the shapes of objects, keyed by label.

        Raises
        ------
        InputError
            If an object with a shape of its own is not among ``labels``.
        """
        labels = list(labels)
        stray = sorted(set(self.own_shapes) - set(labels))
        if stray:
            raise InputError(
                f"a shape is given for label {stray[0]}, but there are only the objects "
                f"{', '.join(map(str, labels))}: draw a stroke with that label or leave it out"
            )
        return {label: self.shape_for(label) for label in labels}


def resolve_mode(mode: str) -> str:
    """Return the order of optimization that a mode stands for.

    ``"auto"`` is the best mode by measurement.

    Raises
    ------
    InputError
        If the mode is unknown.
    """
    if mode not in MODES:
        raise InputError(f"unknown mode '{mode}': {suggest_name(str(mode), MODES)}")
    return AUTO_MODE if mode == "auto" else mode


def _has_type_of(value: Any, default: Any) -> bool:
    """Return whether a stored value has the type of a field's default."""
    if isinstance(default, tuple):
        return isinstance(value, list | tuple)
    return default is None or isinstance(value, type(default))


def _input_error(error: ValidationError) -> InputError:
    """Convert the first error of a validation to one sentence."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return InputError(
            f"unknown setting '{name}': {suggest_name(name, SegmentationConfig.model_fields)}"
        )
    reason = first["msg"].removeprefix("Value error, ")
    return InputError(f"{name} cannot be {first['input']!r}: {reason}")
