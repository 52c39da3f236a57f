"""What the dock knows, as objects that tell when they change; no Qt, no napari."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_isr.gui.object_measurements import SizeMeasurement

__all__ = ["FIT_SETTINGS", "IMAGE_SETTINGS", "DockSettings", "DockState", "ObjectRow"]

# Settings that make another fit; the names are also those of the dock's properties.
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
IMAGE_SETTINGS = (*FIT_SETTINGS, "names", "hidden")  # what goes with an image


@dataclass
class DockSettings:
    """What the user chose.

    Parameters
    ----------
    shape : str
        Shape of the objects that have none of their own.
    own_shapes : dict of int to str
        Shapes of single objects, by label. Assign a new dict to change it.
    names : dict of int to str
        Names of objects, by label; the others are called after their label. Assign a new dict.
    hidden : tuple of int
        Labels of objects whose outline and mask are not shown.
    predictor, features, mode : str
        As :class:`napari_isr.Segmenter` takes them.
    live : bool
        Whether every finished stroke starts a fit.
    uncertainty : bool
        Whether the map of the uncertainty is shown.
    next_stroke : bool
        Whether it is shown where another stroke helps most.
    axes : str
        What the first axis of a stack is, ``"z"`` or ``"t"``; empty: as the layer says.
    per_frame : bool
        Whether the frames of a sequence are fitted one by one.
    coordinate : str
        Name of the layer whose values are a further coordinate; empty: none.
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

    def object_name(self, label: int) -> str:
        """What an object is called."""
        return self.names.get(label) or f"object {label}"

    def insert_object_names(self, text: str) -> str:
        """A text in which objects are called by their names, not ``object 2``."""
        return re.sub(r"\b[Oo]bject (\d+)\b", self._called, text)

    def _called(self, found: re.Match[str]) -> str:
        return self.names.get(int(found[1])) or found[0]


@dataclass(frozen=True)
class ObjectRow:
    """One object in the table.

    Parameters
    ----------
    label : int
        Its label in the strokes.
    strokes : int
        Pixels that were drawn on it.
    shape : str
        What was fitted, empty before.
    area : float, optional
        Of the mask, in units of the spacing; None before the first fit.
    holds : bool, optional
        Whether the certificate holds; None where nothing was promised.
    sentence : str
        The certificate.
    measure : SizeMeasurement
        What ``area`` is: of a volume its volume.
    """

    label: int
    strokes: int
    shape: str = ""
    area: float | None = None
    holds: bool | None = None
    sentence: str = ""
    measure: SizeMeasurement = field(default_factory=SizeMeasurement)


@dataclass
class DockState:
    """What is going on.

    Parameters
    ----------
    kind : {"hint", "busy", "done", "error"}
        What the message is.
    message : str
        One sentence.
    advice : str
        Where another stroke helps most, in one sentence; empty if there is nothing to tell.
    busy : bool
        Whether a fit runs.
    progress : float
        Of the running fit, 0 to 1.
    rows : tuple of ObjectRow
        The objects.
    can_export : bool
        Whether there is a mask.
    """

    kind: Literal["hint", "busy", "done", "error"] = "hint"
    message: str = ""
    advice: str = ""
    busy: bool = False
    progress: float = 0.0
    rows: tuple[ObjectRow, ...] = ()
    can_export: bool = False

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def set_status(self, kind: Literal["hint", "busy", "done", "error"], message: str) -> None:
        """Set kind and message."""
        self.kind = kind
        self.message = message

    @property
    def certificate_text(self) -> str:
        """The certificates in full, a line each."""
        return "\n".join(f"Object {row.label}: {row.sentence}" for row in self.rows if row.sentence)

    @property
    def certificate(self) -> tuple[bool | None, str]:
        """The certificates of all objects as one: whether all hold, and one sentence."""
        fitted = [row for row in self.rows if row.sentence]
        failed = [row for row in fitted if row.holds is False]
        promised = [row for row in fitted if row.holds is not None]
        if failed:
            return False, "; ".join(f"object {row.label}: {row.sentence}" for row in failed)
        if not promised:
            return None, fitted[0].sentence if fitted else ""
        if len(promised) == 1:
            what = promised[0].sentence
            what = what.partition(" (")[0] if what.endswith(")") else what
            return True, f"object {promised[0].label}: {what}"
        names = sorted({row.shape.partition(":")[0] for row in promised})
        which = f"{len(promised)} objects {' and '.join(names)}"
        space = promised[0].measure.space
        where = f" in {space}" if space else ""
        return True, f"{which}{where}, by construction and as checked"
