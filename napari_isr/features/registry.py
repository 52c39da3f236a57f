"""Registry of feature blocks of other packages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from napari_isr._plugins import PluginLoader
from napari_isr.errors import InputError
from napari_isr.features.source_image import SourceImage
from napari_isr.geometry.image import ImageGeometry

__all__ = [
    "BUILT_IN_NAMES",
    "PLUGIN_GROUP",
    "BlockOrFactory",
    "CheckedBlock",
    "FeatureBlock",
    "all_names",
    "make_block",
    "register_features",
    "registered_features",
    "split_blocks",
]

BUILT_IN_NAMES = (
    "rgb",
    "spatial",
    "texture",
    "semantic",
    "spectral",
    "dino",
    "nearness",
    "edges",
)
# Group of entry points whose objects are block classes, or functions that make a block.
PLUGIN_GROUP = "napari_isr.features"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_factories: dict[str, Callable[..., Any]] = {}

F = TypeVar("F", bound=Callable[..., Any])


@runtime_checkable
class FeatureBlock(Protocol):
    """Features of one kind of one image."""

    @property
    def name(self) -> str:
        """Name of the features."""

    @property
    def source(self) -> str:
        """Source of the features, for reports."""

    @property
    def width(self) -> int:
        """Number of features of one pixel."""

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return features (n, width) at pixel coordinates (n, d), of about unit variance."""


# A block, or a class or function that makes one of ``(image, geometry)``.
BlockOrFactory: TypeAlias = FeatureBlock | Callable[[SourceImage, ImageGeometry], FeatureBlock]


def register_features(factory: F) -> F:
    """Make feature blocks available by their name in the API, the command line and the dock.

    Use it as a decorator of a block class. A package can also name the class in an entry point
    of the group ``napari_isr.features``. These features are not transferred to other images.

    Parameters
    ----------
    factory : type or callable
        Called with the :class:`SourceImage` and its :class:`ImageGeometry`. It has a ``name``
        and returns a :class:`FeatureBlock`.

    Returns
    -------
    type or callable
        ``factory``.

    Raises
    ------
    TypeError
        If ``factory`` is not callable or has no name.
    ValueError
        If the name is invalid or in use.
    """
    name = _name_of(factory)
    if not callable(factory):
        raise TypeError(f"the features '{name}' need a class or a function that makes a block")
    known = _factories.get(name)
    if name in BUILT_IN_NAMES or (known is not None and _origin(known) != _origin(factory)):
        raise ValueError(f"there are features '{name}' already: choose another name")
    _factories[name] = factory
    return factory


_plugins = PluginLoader(PLUGIN_GROUP, register_features)


def registered_features() -> tuple[str, ...]:
    """Return the names of the registered features in alphabetical order."""
    _plugins.load()
    return tuple(sorted(_factories))


def split_blocks(
    features: str | Iterable[str | BlockOrFactory],
) -> tuple[str | list[str], dict[str, BlockOrFactory]]:
    """Split features into their names and the blocks among them, keyed by name.

    Raises
    ------
    InputError
        If an entry is neither a name nor a block, or two blocks have one name.
    """
    if isinstance(features, str):
        return features, {}
    names: list[str] = []
    blocks: dict[str, BlockOrFactory] = {}
    for one in features:
        if isinstance(one, str):
            names.append(one)
            continue
        try:
            name = _name_of(one)
        except (TypeError, ValueError) as error:
            raise InputError(f"features are names or blocks: {error}") from error
        if name in blocks or name in BUILT_IN_NAMES:
            raise InputError(f"there are two features '{name}': rename one of the blocks")
        names.append(name)
        blocks[name] = one
    return names, blocks


def make_block(
    name: str,
    image: SourceImage,
    geometry: ImageGeometry,
    blocks: Mapping[str, BlockOrFactory],
) -> CheckedBlock:
    """Make the block of a name, of ``blocks`` or of the registry."""
    found: Any = blocks.get(name, _factories.get(name))
    if isinstance(found, type) or not isinstance(found, FeatureBlock):
        found = found(image, geometry)
    return CheckedBlock(found, name)


class CheckedBlock:
    """Block of another package, whose features are checked.

    Parameters
    ----------
    block : FeatureBlock
    name : str
        Name by which the block was found.
    """

    def __init__(self, block: FeatureBlock, name: str) -> None:
        self._block, self.name = block, name
        try:
            self.source, self.width = str(block.source), int(block.width)
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"the features '{name}' are no feature block: {error}; a block has a source, a "
                "width and a method at"
            ) from error

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return features (n, width) at pixel coordinates (n, d).

        Raises
        ------
        InputError
            If the block returns another shape, or values that are not finite.
        """
        values = np.asarray(self._block.at(points), dtype=np.float32)
        expected = (len(points), self.width)
        if values.shape != expected:
            raise InputError(
                f"the features '{self.name}' have the shape {values.shape} at {len(points)} "
                f"points, not {expected}: correct the method at or the width of the block"
            )
        if not np.isfinite(values).all():
            raise InputError(
                f"the features '{self.name}' hold NaN or infinite values: correct the method at "
                "of the block"
            )
        return values


def _name_of(factory: Any) -> str:
    name = getattr(factory, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"{factory!r} has no name (str)")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"'{name}' cannot be the name of features: write small letters, digits and _"
        )
    return name


def _origin(factory: Any) -> tuple[Any, Any]:
    # Modules that are executed again define the same class again.
    return getattr(factory, "__module__", None), getattr(factory, "__qualname__", factory)


def all_names(extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of all features in their fixed order."""
    others = [*registered_features(), *extra]
    return (*BUILT_IN_NAMES, *dict.fromkeys(n for n in others if n not in BUILT_IN_NAMES))
