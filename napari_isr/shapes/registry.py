"""Registry of shapes, and specifications such as ``"star+rotational:order=5"``."""

from __future__ import annotations

import importlib
import pkgutil
import re
import threading
import types
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from napari_isr._plugins import PluginLoader
from napari_isr.certificates import has_certificate_check
from napari_isr.errors import InputError, suggest_name
from napari_isr.geometry.coordinates import CoordinateGeometry
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.scribble_conflicts import has_conflict_test
from napari_isr.shapes.base import ICONS, OverTime, Shape, ShapeDescription, ShapeOptions
from napari_isr.shapes.options import OptionSchema, describe_options

__all__ = [
    "NONE",
    "PLUGIN_GROUP",
    "ShapeSpec",
    "check_supported_shapes",
    "describe_shape",
    "pose_options",
    "register_shape",
    "shape_names",
    "shape_options",
]

S = TypeVar("S", bound=type[Shape])

NONE = "none"
# Group of entry points whose objects are shape classes, or modules that register them.
PLUGIN_GROUP = "napari_isr.shapes"
NO_SHAPE = ShapeDescription(
    title="none",
    hint="None: the predictor's mask as it is, nothing is promised.",
    adjective="unchanged",
    certificate_checks=(),
    icon=ICONS / "none.svg",
    position=0,
    extra_coordinates=True,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)*")
_classes: dict[str, type[Shape]] = {}
_loading = threading.RLock()


def register_shape(cls: S) -> S:
    """Make a shape available by its name in the API, the command line and the dock.

    Use it as a decorator. A package can also name the class in an entry point of the group
    ``napari_isr.shapes``. Batch workers and the dock find shapes of entry points by themselves.

    Parameters
    ----------
    cls : type
        Subclass of :class:`Shape` with a ``name``, a ``guarantee`` and a ``description``. The
        checks that the description names must be registered.

    Returns
    -------
    type
        ``cls``.

    Raises
    ------
    TypeError
        If ``cls`` is no shape.
    ValueError
        If the name is invalid or in use, or a check is not registered.
    """
    candidate: Any = cls
    if not (isinstance(candidate, type) and issubclass(candidate, Shape)):
        raise TypeError(f"{cls!r} is no shape: register a subclass of napari_isr.Shape")
    for attribute, kind in (("name", str), ("guarantee", str), ("description", ShapeDescription)):
        if not isinstance(getattr(cls, attribute, None), kind):
            raise TypeError(f"the shape {cls.__name__} has no {attribute} ({kind.__name__})")
    if not _NAME.fullmatch(cls.name) or cls.name == NONE:
        raise ValueError(
            f"'{cls.name}' cannot be the name of a shape: write small letters, digits and _, "
            "with + between the parts"
        )
    if not cls.__module__.startswith(f"{__package__}."):
        # Another package must not take the name of a built-in shape.
        _import_built_in_shapes()
    known = _classes.get(cls.name)
    # Modules that are executed again define the same class again.
    if known is not None and known.__qualname__ != cls.__qualname__:
        raise ValueError(f"there is a shape '{cls.name}' already: {known.__module__}")
    about = cls.description
    for check in about.certificate_checks:
        if not has_certificate_check(check, extra_coordinates=about.extra_coordinates):
            raise ValueError(
                f"the shape '{cls.name}' names the certificate check '{check}', which is not "
                "registered: call register_certificate_check first"
            )
    for test in about.conflict_tests:
        if not has_conflict_test(test):
            raise ValueError(
                f"the shape '{cls.name}' names the conflict test '{test}', which is not "
                "registered: call register_conflict_test first"
            )
    _classes[cls.name] = cls
    return cls


def _register_plugin(loaded: Any) -> None:
    """Register the object of an entry point. A module has registered its own shapes."""
    if not isinstance(loaded, types.ModuleType) and loaded not in _classes.values():
        register_shape(loaded)


_plugins = PluginLoader(PLUGIN_GROUP, _register_plugin)


@cache
def _import_built_in_shapes() -> None:
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"napari_isr.shapes.{module.name}")


def _shape_classes() -> dict[str, type[Shape]]:
    """Return all shape classes in order, keyed by name; import them on first use."""
    with _loading:
        _import_built_in_shapes()
        _plugins.load()
        ordered = sorted(_classes.values(), key=lambda cls: cls.description.position)
        return {cls.name: cls for cls in ordered}


def shape_names() -> list[str]:
    """Return the names that :meth:`ShapeSpec.parse` reads, ``none`` first."""
    return [NONE, *_shape_classes()]


def describe_shape(name: str) -> ShapeDescription:
    """Return the description of a shape or of ``none``."""
    return NO_SHAPE if name == NONE else _shape_classes()[name].description


def shape_options(name: str) -> tuple[OptionSchema, ...]:
    """Return names, kinds, limits and descriptions of the options of a shape."""
    return () if name == NONE else describe_options(_shape_classes()[name].Options)


def pose_options(name: str) -> tuple[str, ...]:
    """Return the options of a shape that fix a pose: a center, an axis or a lattice."""
    return tuple(option.name for option in shape_options(name) if option.kind == "place")


def check_supported_shapes(geometry: ImageGeometry, names: Iterable[str]) -> None:
    """Raise an error if a shape has no meaning in extra coordinates.

    Raises
    ------
    InputError
        If the geometry has coordinates without a common unit, and a shape relies on lengths or
        angles.
    """
    if not isinstance(geometry, CoordinateGeometry):
        return
    for name in names:
        if not describe_shape(name).extra_coordinates:
            known = [n for n, cls in _shape_classes().items() if cls.description.extra_coordinates]
            raise InputError(
                f"the shape '{name}' cannot be used with the coordinate '{geometry.names[0]}', for "
                f"lengths and angles mean nothing there: choose {' or '.join(known)}, or leave it "
                "out"
            )


@dataclass(frozen=True)
class ShapeSpec:
    """Name and options of a shape.

    Parameters
    ----------
    name : str
        Name of the shape, or ``"none"`` for the predictor's mask.
    options : ShapeOptions
        Validated options.
    over_time : {"smooth", "frames"}, optional
        Parameters of sequences follow the time smoothly, or each frame has its own. Written as an
        option: ``"convex:over_time=frames"``.
    """

    name: str
    options: ShapeOptions = field(default_factory=ShapeOptions)
    over_time: OverTime = "smooth"

    @classmethod
    def parse(cls, text: str | ShapeSpec) -> ShapeSpec:
        """Parse ``name`` or ``name:option=value,option=value``.

        Parameters
        ----------
        text : str or ShapeSpec
            Specification by the user. Parts that are joined by ``+`` have any order. A ShapeSpec
            is returned unchanged.

        Returns
        -------
        ShapeSpec

        Raises
        ------
        InputError
            If the name or an option is unknown, or a value is invalid. The message suggests the
            nearest known name.

        Examples
        --------
        >>> ShapeSpec.parse("convex:pieces=24").options.pieces
        24
        """
        if isinstance(text, ShapeSpec):
            return text
        if not isinstance(text, str):
            raise InputError(f"a shape is given by its name, not by {text!r}")
        name, _, tail = text.strip().partition(":")
        name, values = _canonical_name(name), _split_options(tail)
        over_time = _validate_over_time(values.pop("over_time", "smooth"))
        if name == NONE:
            if values:
                raise InputError("shape 'none' takes no options: leave out everything after it")
            return cls(NONE, over_time=over_time)
        return cls(name, _validate_options(name, values), over_time)

    def build(self, ndim: int, frame: ImageGeometry | None = None) -> Shape | None:
        """Build the module for ``ndim`` coordinates, None for ``none``.

        Parameters
        ----------
        ndim : int
            Number of coordinates.
        frame : ImageGeometry, optional
            Geometry of the image. Needed if the options give poses in pixels, and for sequences.

        Raises
        ------
        InputError
            If the shape or a pose does not fit the image.
        """
        if self.name == NONE:
            return None
        family = _shape_classes()[self.name]
        if isinstance(frame, TimeSeriesGeometry):
            if frame.ndim < 3:
                raise InputError("a sequence has at least 3 axes: time, row and column")
            shape = family.build_for_sequence(frame, self.options, self.over_time)
        else:
            shape = family(ndim, self.options)
        if frame is not None:
            shape.apply_fixed_pose(frame)
        return shape

    def without_pose(self) -> ShapeSpec:
        """Return the specification with the defaults of options that fix a pose."""
        fields = type(self.options).model_fields
        defaults = {name: fields[name].default for name in pose_options(self.name)}
        options = self.options.model_copy(update=defaults)
        return ShapeSpec(self.name, options, self.over_time)

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads, without options that have their defaults."""
        changed = self.options.model_dump(exclude_defaults=True)
        if self.over_time != "smooth":
            changed["over_time"] = self.over_time
        tail = ",".join(f"{key}={value}" for key, value in changed.items())
        return f"{self.name}:{tail}" if tail else self.name


def _canonical_name(name: str) -> str:
    known = {frozenset(key.split("+")): key for key in shape_names()}
    key = known.get(frozenset(part.strip().lower() for part in name.split("+")))
    if key is None:
        reasons = "".join(f"; {sentence}" for sentence in _plugins.failures.values())
        raise InputError(f"unknown shape '{name}': {suggest_name(name, shape_names())}{reasons}")
    return key


def _split_options(tail: str) -> dict[str, str | None]:
    """Return the values of ``option=value,option=value``, None for an option without a value."""
    values: dict[str, Any] = {}
    for item in filter(None, tail.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        values[key] = value if equals else None
    return values


def _validate_over_time(value: str | None) -> OverTime:
    if value == "smooth":
        return "smooth"
    if value == "frames":
        return "frames"
    raise InputError(f"over_time must be smooth or frames, not '{value or ''}'")


def _validate_options(name: str, values: dict[str, Any]) -> ShapeOptions:
    model = _shape_classes()[name].Options
    for key, value in values.items():
        if model.aliases.get(key, key) not in model.model_fields:
            raise InputError(
                f"shape '{name}' has no option '{key}': {suggest_name(key, model.model_fields)}"
            )
        if value is None:
            raise InputError(f"option '{key}' of shape '{name}' has no value: write {key}=VALUE")
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"option '{key}' of shape '{name}' cannot be '{first['input']}': {first['msg']}"
        ) from None
