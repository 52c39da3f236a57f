"""Export of results and of code from the dock."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog, QHBoxLayout, QSpinBox, QWidget

from napari_isr.code_export import ScriptTemplate
from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.controller import Controller
from napari_isr.gui.hints import NO_IMAGE, NO_SCRIBBLES
from napari_isr.gui.nd.axis_roles import resolve_axes
from napari_isr.gui.nd.current_slice import is_stack
from napari_isr.gui.nd.job_inputs import coordinate_layer
from napari_isr.gui.widgets._common import make_button, make_checkbox

__all__ = [
    "CopyAsCodeButtons",
    "ExportOptions",
    "Exporter",
    "script_from_controller",
    "with_ending",
]

LARGEST = 16  # times
CARRIED = "What other images taught is not in this: save it with Trained.save, and give trained=."


class ExportOptions(QWidget):
    """At which size is written, and whether to one file or to several."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = QSpinBox()
        self.scale.setObjectName("isr_export_scale")
        self.scale.setRange(1, LARGEST)
        self.scale.setPrefix("× ")
        self.scale.setToolTip("Pixels written for each pixel of the image: finer, not enlarged")
        self.each: QCheckBox = make_checkbox(
            "isr_export_each", "A file each", "Write one file for each object: mask-2, mask-3, …"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.scale)
        row.addWidget(self.each, 1)


class Exporter:
    """Writes what was fitted.

    Parameters
    ----------
    control : Controller
    executor : BackgroundExecutor
        The thread that writes.
    options : ExportOptions
    """

    def __init__(
        self, control: Controller, executor: BackgroundExecutor, options: ExportOptions
    ) -> None:
        self._control, self._executor, self.options = control, executor, options

    def ask(self, parent: QWidget) -> str:
        """Open a file dialog, and return the file or an empty string."""
        from napari_isr.io.export import export_formats

        image = self._control.image_layer
        ending = ".tif" if is_stack(image) else ".png"  # which has two axes
        name = f"{image.name if image is not None else 'image'}-mask{ending}"
        forms = export_formats()
        kinds = {f"{f.title} ({' '.join('*' + e for e in f.extensions)})": f for f in forms}
        path, kind = QFileDialog.getSaveFileName(parent, "Export", name, ";;".join(kinds))
        return with_ending(str(path), kinds[kind].extensions if kind in kinds else (ending,))

    def export(
        self, path: str | Path, *, scale: int | None = None, each: bool | None = None
    ) -> None:
        """Write to a file, or one for each object; the status line says when it is there.

        Parameters
        ----------
        path : str or Path
            Its ending picks the format, see :func:`napari_isr.write`.
        scale : int, optional
            Default: what is chosen in the dock.
        each : bool, optional
            Default: what is chosen in the dock.
        """
        from napari_isr.io.export import check_writable

        control, state = self._control, self._control.state
        image, strokes = control.image_layer, control.scribble_layer
        try:
            if control.result is None or image is None:
                raise InputError("There is no mask to export yet: draw strokes first.")
            target = check_writable(path)
        except InputError as error:
            state.set_status("error", str(error))
            return
        write = partial(
            _write,
            control.result,
            target,
            scale=self.options.scale.value() if scale is None else scale,
            each=self.options.each.isChecked() if each is None else each,
            names=dict(control.settings.names),
            unit=str(image.units[-1]),
            axes=resolve_axes(image, control.settings.axes),
            image=Path(image.source.path or image.name).name,
            strokes=strokes.data if strokes is not None else None,
        )
        state.set_status("busy", f"Writing {target.name} …")
        self._executor.submit(write, self._on_written, self._on_written)

    def _on_written(self, found: Any) -> None:
        state = self._control.state
        if isinstance(found, InputError | OSError):
            state.set_status("error", f"{str(found)[:1].upper()}{str(found)[1:]}.")
        elif isinstance(found, Exception):
            state.set_status("error", f"It could not be written ({type(found).__name__}: {found}).")
        elif len(found) == 1:
            state.set_status("done", f"Saved {found[0].name}.")
        else:
            state.set_status(
                "done", f"Saved {len(found)} files: {', '.join(p.name for p in found)}."
            )


def _write(result: Any, target: Path, *, strokes: Any, **options: Any) -> Any:
    """Write; in the thread."""
    import numpy as np

    from napari_isr.io.export import write

    drawn = None if strokes is None else np.asarray(strokes)
    return write(result, target, strokes=drawn, **options)


def with_ending(path: str, endings: tuple[str, ...]) -> str:
    """Complete a name with the chosen extension, if it is missing or cut.

    Examples
    --------
    >>> with_ending("mask", (".tif", ".tiff")), with_ending("m.json", (".polygons.json",))
    ('mask.tif', 'm.polygons.json')
    """
    suffix = Path(path).suffix
    if not path or path.lower().endswith(endings):
        return path
    if not suffix:
        return path + endings[0]
    if endings[0].endswith(suffix.lower()):
        return path[: -len(suffix)] + endings[0]
    return path


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
    facts = control.adapter.job_inputs()
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
    if (map_ := coordinate_layer(control.viewer, image, chosen.coordinate)) is not None:
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
            problem = NO_IMAGE if control.image_layer is None else NO_SCRIBBLES
            control.state.set_status("error", problem)
            return
        recipe, missing = script_from_controller(control)
        QApplication.clipboard().setText(write(recipe))
        names = " and ".join(f"'{name}'" for name in missing)
        rest = f"; save the layers as {names} to run it" if missing else ""
        taught = "; what other images taught is not in it" if CARRIED in recipe.notes else ""
        control.state.set_status("done", f"Copied the {what}{rest}{taught}.")


def _path(layer: Layer) -> str:
    """Return the file of a layer, or an empty string."""
    return str(layer.source.path or "")
