"""Actions of the dock that save and open sessions."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_isr.config import DEFAULT_AXES_BY_NDIM
from napari_isr.errors import InputError
from napari_isr.gui._concurrency import BackgroundExecutor
from napari_isr.gui.fitting.events import FitFinished
from napari_isr.gui.fitting.fit_history import FitHistoryEntry
from napari_isr.gui.fitting.run_job import compose_label_images, object_rows
from napari_isr.gui.handle_models import extract_handle_geometry
from napari_isr.gui.layers.utils import image_shape
from napari_isr.gui.models import ObjectRow
from napari_isr.gui.nd.axis_roles import resolve_axes
from napari_isr.gui.persistence.autosave import PendingSnapshot, full_resolution_data
from napari_isr.gui.persistence.manager import PersistenceManager
from napari_isr.gui.persistence.recovery import OverwriteCheck
from napari_isr.gui.slice_contour_tracer import contours_in_slice
from napari_isr.gui.widgets._common import make_button
from napari_isr.io.session import ENDING, Session, image_key, load_session
from napari_isr.scribbles import Scribbles

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["SessionActions", "SessionButtons"]

log = logging.getLogger(__name__)

FLAT = (None, None)
LINKED, WHOLE = f"Session (*{ENDING})", f"Session with the image in it (*{ENDING})"


class SessionActions:
    """Saves and opens sessions of one dock.

    Parameters
    ----------
    control : Controller
    persistence : PersistenceManager
        Knows what there is to keep, and how to bring it back.
    executor : BackgroundExecutor
        The thread that reads and writes.
    """

    def __init__(
        self, control: Controller, persistence: PersistenceManager, executor: BackgroundExecutor
    ) -> None:
        self._control, self._persistence, self._executor = control, persistence, executor

    def save(self, path: str | Path, *, embed: bool = False) -> None:
        """Save strokes, settings, shapes and result; the status line says when it is there.

        Parameters
        ----------
        path : str or Path
            The ending ``.isr`` is added if there is none.
        embed : bool, optional
            Put the image into the file; done in any case if it comes from no file.
        """
        draft = self._persistence.autosave.capture()
        if draft is None:
            self._say("error", "There is nothing to save yet: open an image and draw strokes.")
            return
        embed = embed or not draft.about["path"]
        image = self._control.image_layer
        axes = None if image is None else resolve_axes(image, self._control.settings.axes)
        self._say("busy", f"Saving {Path(path).name} …")
        save = partial(_save, draft, Path(path), embed, axes)
        self._executor.submit(save, self._on_saved, self._on_saved)

    def open(self, path: str | Path) -> None:
        """Open a session: its image, if it is not the one that is open, strokes and result."""
        self._say("busy", f"Opening {Path(path).name} …")
        image = self._control.image_layer
        there = None if image is None else (full_resolution_data(image), image_shape(image))
        overwrite = OverwriteCheck(self._control.scribble_layer)
        load = partial(_load, Path(path), there, overwrite)
        loaded = partial(self._on_loaded, Path(path), overwrite)
        self._executor.submit(load, loaded, loaded)

    def _say(self, kind: Any, sentence: str) -> None:
        self._control.state.set_status(kind, sentence)

    def _on_saved(self, found: Any) -> None:
        if isinstance(found, Exception):
            self._say("error", _told(found, "The session could not be saved"))
        else:
            self._say("done", f"Saved {found.name}.")

    def _on_loaded(self, path: Path, overwrite: OverwriteCheck, found: Any) -> None:
        if isinstance(found, Exception):
            self._say("error", _told(found, "The session could not be opened"))
            return
        session, same, fit = found
        control, recovery = self._control, self._persistence.recovery
        try:
            image = control.image_layer if same else None
            if image is None and session.pixels is not None:
                image = _embedded(control.viewer, session)
            elif image is None:
                image = recovery.open_image(session.snapshot.image, near=path.parent)
            control.image_layer = image
            if image_shape(image) != session.snapshot.image.shape:
                raise InputError(f"the image '{image.name}' has another size than it had")
        except Exception as error:  # readers of other plugins may raise anything
            self._say("error", _told(error, "The image of the session cannot be opened"))
            return
        recovery.restore_snapshot(session.snapshot, image, overwrite)
        axes = session.axes or ""
        if len(axes) == 3 and resolve_axes(image, control.settings.axes) != axes:
            control.settings.axes = axes[0]  # what the layer said is not in the image's file
        if control.scribble_layer is None:
            control.new_scribbles()
        control.cancel()  # the strokes ask for a fit, but it is there already
        if fit is None:
            self._say("done", f"Opened {path.name}{': ' + session.lost if session.lost else ''}.")
            return
        control.presenter.history.push(fit)
        control.presenter.restore(fit)


class SessionButtons(QWidget):
    """Two buttons; and a session that is dropped on the dock is opened.

    Parameters
    ----------
    sessions : SessionActions
    dock : QWidget
    """

    def __init__(self, sessions: SessionActions, dock: QWidget) -> None:
        super().__init__()
        self._sessions = sessions
        dock.installEventFilter(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.opening = make_button(
            "isr_open_session", "Open session…", "Strokes, settings and masks as they were saved"
        )
        self.saving = make_button(
            "isr_save_session", "Save session…", "Strokes, settings, shapes and masks in one file"
        )
        for one in (self.opening, self.saving):
            row.addWidget(one, 1)
        self.opening.clicked.connect(self._open)
        self.saving.clicked.connect(self._save)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept a session; leave all else to those that were there before."""
        if event.type() not in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            return False
        drag: Any = event
        files = [url.toLocalFile() for url in drag.mimeData().urls()]
        if len(files) != 1 or not files[0].lower().endswith(ENDING):
            return False
        drag.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._sessions.open(files[0])
        return True

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open session", "", f"Session (*{ENDING})")
        if path:
            self._sessions.open(path)

    def _save(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save session", "", f"{LINKED};;{WHOLE}")
        if path:
            self._sessions.save(path, embed=kind == WHOLE)


def _save(draft: PendingSnapshot, path: Path, embed: bool, axes: str | None) -> Path:
    """Write; in the thread."""
    import numpy as np

    units = draft.about["units"]
    return Session(
        draft.snapshot(image_key(draft.image)),
        draft.result,
        tuple(abs(s) or 1.0 for s in draft.about["scale"]),
        units[-1] if units else "",
        axes,
        pixels=np.asarray(draft.image) if embed else None,
    ).save(path)


def _load(
    path: Path, there: Any, overwrite: OverwriteCheck
) -> tuple[Session, bool, FitHistoryEntry | None]:
    """Read; in the thread. Whether it is of the image that is open, and the fit to be shown."""
    session = load_session(path)
    overwrite.compute(session.strokes)
    about, same = session.snapshot.image, False
    if there is not None and there[1] == about.shape:
        same = image_key(there[0]) == about.key
    result = session.result
    if result is None:
        return session, same, None
    kept = session.snapshot.settings.get("hidden") or ()
    hidden = tuple(label for label in result.objects if label in kept)
    strokes = session.strokes
    counts = Counter([] if strokes is None else Scribbles.from_label_image(strokes).labels.tolist())
    rows = {label: ObjectRow(label, counts[label]) for label in result.objects}
    done = FitFinished(
        *compose_label_images(result, hidden),
        object_rows(result, rows, session.axes or DEFAULT_AXES_BY_NDIM[len(about.shape)]),
        result,
        0.0,
        next_stroke=result.next_stroke,
        found=extract_handle_geometry(result),
        hidden=hidden,
    )
    flat = len(about.shape) == 2  # those of a stack are traced plane by plane as they are seen
    return session, same, FitHistoryEntry(done, contours_in_slice(result, FLAT) if flat else {})


def _embedded(viewer: Any, session: Session) -> Image:
    """Show the image that was in the file, placed as it was."""
    about, array = session.snapshot.image, session.pixels
    assert array is not None
    rgb = array.ndim > len(about.shape) and array.shape[-1] in (3, 4)
    placed: dict[str, Any] = {"name": about.name or "image", "rgb": rgb}
    for name in ("scale", "translate", "units"):
        value = getattr(about, name)
        if len(value) == len(about.shape):
            placed[name] = value
    if session.axes and len(session.axes) == len(about.shape):
        placed["axis_labels"] = tuple(session.axes)
    return viewer.add_image(array, **placed)


def _told(error: Exception, what: str) -> str:
    """Return the message of an error, and log unexpected ones."""
    if isinstance(error, InputError | OSError):
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    log.error(what, exc_info=error)
    return f"{what} ({type(error).__name__})."
