"""Evented models of the dock: settings, status, selected layers, imported objects; no Qt.

A view connects to the events of a model, and sets its fields. No model refers to a view.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, get_type_hints

import numpy as np
import numpy.typing as npt
from psygnal import Signal, SignalGroupDescriptor
from pydantic import TypeAdapter, ValidationError

from napari_isr.gui.object_measurements import SizeMeasurement

__all__ = [
    "FIT_SETTINGS",
    "IMAGE_SETTINGS",
    "DockModel",
    "DockSettings",
    "DockState",
    "ImportSource",
    "ImportedObjects",
    "ObjectRow",
    "SelectedLayers",
]

log = logging.getLogger(__name__)

# Settings whose change requires another fit. Properties of the dock have the same names.
FIT_SETTINGS = (
    "shape",
    "own_shapes",
    "predictor",
    "features",
    "mode",
    "axes",
    "per_frame",
    "coordinate",
)
IMAGE_SETTINGS = (*FIT_SETTINGS, "names", "hidden")  # Settings that belong to one image.

MAX_STORED_LAYERS = 32  # scribble layers, removed ones included, whose imports are retained


@dataclass
class DockSettings:
    """Choices of the user.

    A dict must be replaced, not changed in place, so that its event is emitted.

    Parameters
    ----------
    shape : str
        Shape of objects without an own shape.
    own_shapes : dict of int to str
        Shapes of single objects, keyed by label.
    names : dict of int to str
        Names of objects, keyed by label. Other objects are named after their label.
    hidden : tuple of int
        Labels of objects whose contours and masks are not shown.
    predictor, features, mode : str
        See :class:`napari_isr.config.SegmentationConfig`.
    live : bool
        Whether every finished stroke starts a fit.
    uncertainty : bool
        Whether the map of the uncertainty is shown.
    next_stroke : bool
        Whether the position of the suggested next stroke is shown.
    axes : str
        Role of the first axis of a stack, ``"z"`` or ``"t"``, or empty for that of the layer.
    per_frame : bool
        Whether the frames of a sequence are fitted one by one.
    coordinate : str
        Name of the layer whose values are a further coordinate, or empty if there is none.
    """

    shape: str = "convex"
    own_shapes: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    predictor: str = "auto"
    features: str = "auto"
    mode: str = "auto"
    live: bool = True
    uncertainty: bool = False
    next_stroke: bool = True
    axes: str = ""
    per_frame: bool = False
    coordinate: str = ""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON has them."""
        return {
            name: adapter.dump_python(getattr(self, name), mode="json")
            for name, adapter in _field_adapters().items()
        }

    def update(self, values: Mapping[str, Any]) -> None:
        """Set the fields that are known and valid, and leave the others as they are."""
        for name, adapter in _field_adapters().items():
            if name not in values:
                continue
            try:
                value = adapter.validate_python(values[name])
            except ValidationError:
                log.warning("The stored setting %s=%r is invalid", name, values[name])
                continue
            if value != getattr(self, name):
                setattr(self, name, value)

    def shape_of(self, label: int) -> str:
        """Return the shape of an object: its own, or that of all objects."""
        return self.own_shapes.get(label, self.shape)

    def object_name(self, label: int) -> str:
        """Return the name of an object."""
        return self.names.get(label) or f"object {label}"

    def insert_object_names(self, text: str) -> str:
        """Replace ``object 2`` in a text by the name of the object."""
        return re.sub(r"\b[Oo]bject (\d+)\b", self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        return self.names.get(int(match[1])) or match[0]


@cache
def _field_adapters() -> dict[str, TypeAdapter[Any]]:
    """Return adapters that convert the settings to JSON and back, keyed by name."""
    hints = get_type_hints(DockSettings)
    return {one.name: TypeAdapter[Any](hints[one.name]) for one in fields(DockSettings)}


@dataclass(frozen=True)
class ObjectRow:
    """One object in the table.

    Parameters
    ----------
    label : int
        Label of its scribbles.
    strokes : int
        Number of its labelled pixels.
    shape : str
        The fitted shape, empty before the first fit.
    area : float, optional
        Size of the mask in units of the spacing, or None before the first fit.
    holds : bool, optional
        Whether the certificate holds, or None if the shape guarantees nothing.
    sentence : str
        The message of the certificate.
    measure : SizeMeasurement
        Kind and unit of ``area``: for a volume its volume.
    """

    label: int
    strokes: int
    shape: str = ""
    area: float | None = None
    holds: bool | None = None
    sentence: str = ""
    measure: SizeMeasurement = field(default_factory=SizeMeasurement)


StatusKind = Literal["hint", "busy", "done", "error"]


@dataclass
class DockState:
    """Status of the dock.

    Parameters
    ----------
    kind : {"hint", "busy", "done", "error"}
        Kind of the message.
    message : str
        One sentence.
    advice : str
        One sentence about the suggested next stroke, or empty if there is no suggestion.
    busy : bool
        Whether a fit runs.
    progress : float
        Progress of the running fit, in [0, 1].
    rows : tuple of ObjectRow
        The objects.
    can_export : bool
        Whether there is a mask.
    """

    kind: StatusKind = "hint"
    message: str = ""
    advice: str = ""
    busy: bool = False
    progress: float = 0.0
    rows: tuple[ObjectRow, ...] = ()
    can_export: bool = False

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def set_status(self, kind: StatusKind, message: str) -> None:
        """Set kind and message."""
        self.kind = kind
        self.message = message

    @property
    def certificate_text(self) -> str:
        """The complete certificates, one line each."""
        return "\n".join(f"Object {row.label}: {row.sentence}" for row in self.rows if row.sentence)

    @property
    def certificate(self) -> tuple[bool | None, str]:
        """True if all certificates hold, and one sentence about them."""
        fitted = [row for row in self.rows if row.sentence]
        failed = [row for row in fitted if row.holds is False]
        guaranteed = [row for row in fitted if row.holds is not None]
        if failed:
            return False, "; ".join(f"object {row.label}: {row.sentence}" for row in failed)
        if not guaranteed:
            return None, fitted[0].sentence if fitted else ""
        if len(guaranteed) == 1:
            message = guaranteed[0].sentence
            message = message.partition(" (")[0] if message.endswith(")") else message
            return True, f"object {guaranteed[0].label}: {message}"
        shapes = sorted({row.shape.partition(":")[0] for row in guaranteed})
        objects = f"{len(guaranteed)} objects {' and '.join(shapes)}"
        space = guaranteed[0].measure.space
        suffix = f" in {space}" if space else ""
        return True, f"{objects}{suffix}, by construction and as checked"


@dataclass
class SelectedLayers:
    """Layers that the dock segments.

    Parameters
    ----------
    image : napari.layers.Image or None
    scribbles : napari.layers.Labels or None
    """

    image: Any = None
    scribbles: Any = None

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()


class LayerWatcher(Protocol):
    """Watcher of the layer that objects were imported from."""

    layer: Any

    def close(self) -> None:
        """Release the layer."""


@dataclass(frozen=True)
class ImportSource:
    """Origin of an imported object.

    Parameters
    ----------
    watcher : LayerWatcher
        Watcher of its layer.
    value : int
        Its label in that layer, or 0 if the layer holds probabilities.
    """

    watcher: LayerWatcher
    value: int


@dataclass
class _LayerImports:
    """Objects that were imported beside one scribble layer."""

    layer: Any
    masks: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    sources: dict[int, ImportSource] = field(default_factory=dict)

    def close(self) -> None:
        for source in self.sources.values():
            source.watcher.close()


class ImportedObjects:
    """Masks or probabilities of imported objects, for each scribble layer."""

    changed = Signal()

    def __init__(self) -> None:
        self._current = _LayerImports(None)
        self._others: list[_LayerImports] = []

    @property
    def masks(self) -> dict[int, npt.NDArray[Any]]:
        """Read-only arrays, keyed by label. The dict is a copy. Assign one to replace it."""
        return dict(self._current.masks)

    @masks.setter
    def masks(self, masks: Mapping[int, Any]) -> None:
        self.replace(masks, {k: v for k, v in self._current.sources.items() if k in masks})

    @property
    def sources(self) -> dict[int, ImportSource]:
        """Origins of objects, keyed by label, where they are known."""
        return dict(self._current.sources)

    def replace(self, masks: Mapping[int, Any], sources: Mapping[int, ImportSource]) -> None:
        """Replace all objects of the present scribble layer, and their origins."""
        former = [source.watcher for source in self._current.sources.values()]
        self._current.masks = {int(k): _read_only(masks[k]) for k in sorted(masks)}
        self._current.sources = dict(sources)
        retained = [source.watcher for source in sources.values()]
        for watcher in former:
            if watcher not in retained:
                watcher.close()
        self.changed.emit()

    def set_layer(self, layer: Any) -> None:
        """Switch to the objects of another scribble layer, and retain those of the present one.

        Objects that were imported without a scribble layer belong to the first one.
        """
        present = self._current
        if layer == present.layer:
            return
        found = next((other for other in self._others if other.layer == layer), None)
        if found is None and present.layer is None:
            present.layer = layer
            return
        self._others = [other for other in self._others if other is not found]
        if present.masks:
            self._others.append(present)
            for other in self._others[:-MAX_STORED_LAYERS]:
                other.close()
            self._others = self._others[-MAX_STORED_LAYERS:]
        self._current = found or _LayerImports(layer)
        self.changed.emit()

    def close(self) -> None:
        """Release all layers."""
        for imports in (self._current, *self._others):
            imports.close()


def _read_only(values: Any) -> npt.NDArray[Any]:
    """Return an array that cannot change, so that a fit can identify it by its identity."""
    array = np.asarray(values)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


@dataclass
class DockModel:
    """The models of one dock."""

    settings: DockSettings = field(default_factory=DockSettings)
    state: DockState = field(default_factory=DockState)
    layers: SelectedLayers = field(default_factory=SelectedLayers)
    imports: ImportedObjects = field(default_factory=ImportedObjects)

    def __post_init__(self) -> None:
        # The first connection: others read the imports of the new layer.
        self.layers.events.scribbles.connect(self.imports.set_layer)
