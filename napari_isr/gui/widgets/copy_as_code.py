"""Buttons that copy the dock's settings as a program, or as a line for the shell."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QApplication, QHBoxLayout, QWidget

from napari_isr.code_export import ScriptTemplate
from napari_isr.gui.controller import Controller
from napari_isr.gui.hints import NO_IMAGE, NO_STROKES
from napari_isr.gui.nd.job_inputs import coordinate_layer, nd_job_fields
from napari_isr.gui.widgets._common import make_button

__all__ = ["CopyAsCodeButtons", "script_from_controller"]

CARRIED = "What other images taught is not in this: save it with Trained.save, and give trained=."


def script_from_controller(control: Controller) -> tuple[ScriptTemplate, list[str]]:
    """Write down what the dock would fit.

    Parameters
    ----------
    control : Controller
        With an image and strokes.

    Returns
    -------
    recipe : ScriptTemplate
        With the layers' files; a layer that comes from no file gets a name to save it under.
    missing : list of str
        The names of the files that are still to be saved.
    """
    image, strokes, chosen = control.image_layer, control.scribble_layer, control.settings
    assert image is not None
    assert strokes is not None
    files: list[str] = []
    missing: list[str] = []
    notes: list[str] = []
    facts = nd_job_fields(control)
    flat = facts["axes"] == "yx"  # a PNG holds no stack
    for layer, ending in ((image, ".tif"), (strokes, ".png" if flat else ".tif")):
        path = _path(layer)
        if not path:
            path = f"{layer.name}{ending}"
            missing.append(path)
            notes.append(f"First save the layer '{layer.name}' as '{path}' (File > Save).")
        files.append(path)
    if control.transfer() is not None:
        notes.append(CARRIED)
    given: dict[int, str] = {}
    for label in control.imported_objects:
        given[label] = f"object-{label}.tif"
        missing.append(given[label])
        name = chosen.object_name(label)
        notes.append(f"First save the mask of the imported '{name}' as '{given[label]}'.")
    maps: dict[str, str] = {}
    if (map_ := coordinate_layer(control)) is not None:
        (name,) = facts["coordinates"]
        maps[name] = _path(map_) or f"{map_.name}.tif"
        if not _path(map_):
            missing.append(maps[name])
            notes.append(f"First save the layer '{map_.name}' as '{maps[name]}' (File > Save).")
    drawn = {row.label for row in control.state.rows}
    recipe = ScriptTemplate(
        image=files[0],
        strokes=files[1],
        shape=chosen.shape,
        own_shapes={k: v for k, v in chosen.own_shapes.items() if k in drawn},
        predictor=chosen.predictor,
        features=chosen.features,
        mode=chosen.mode,
        device=control.device,
        spacing=facts["spacing"],
        output=f"{image.name}-mask.{'png' if flat else 'tif'}",
        axes=facts["axes"],
        per_frame=facts["per_frame"],
        coordinates=maps,
        given=given,
        notes=notes,
    )
    return recipe, missing


class CopyAsCodeButtons(QWidget):
    """Copy the settings as Python, and as a line for the command line.

    Parameters
    ----------
    control : Controller
        Whose settings are copied, and whose status line tells what is still to be saved.
    """

    def __init__(self, control: Controller) -> None:
        super().__init__()
        self._control = control
        self.code = make_button(
            "isr_copy_code", "Python", "Copy a Python program that fits the same"
        )
        self.line = make_button("isr_copy_cli", "Command line", "Copy a line for the shell")
        self.code.clicked.connect(lambda: self._copy("program", ScriptTemplate.to_python))
        self.line.clicked.connect(
            lambda: self._copy("command line", ScriptTemplate.to_command_line)
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.code, 1)
        row.addWidget(self.line, 1)

    def _copy(self, what: str, write: Any) -> None:
        control = self._control
        if control.image_layer is None or control.scribble_layer is None:
            problem = NO_IMAGE if control.image_layer is None else NO_STROKES
            control.state.set_status("error", problem)
            return
        recipe, missing = script_from_controller(control)
        QApplication.clipboard().setText(write(recipe))
        names = " and ".join(f"'{name}'" for name in missing)
        rest = f"; save the layers as {names} to run it" if missing else ""
        taught = "; what other images taught is not in it" if CARRIED in recipe.notes else ""
        control.state.set_status("done", f"Copied the {what}{rest}{taught}.")


def _path(layer: Layer) -> str:
    """The file that a layer comes from; empty if it comes from none."""
    return str(layer.source.path or "")
