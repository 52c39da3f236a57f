"""Panel of certificates: one line, and the checks on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_isr.gui.layers.suggestion_layer import center_view_on
from napari_isr.gui.nd.axis_roles import resolve_axes
from napari_isr.gui.theme import ALARM, BAD, DOUBT, GOOD, ON_DARK, status_colors
from napari_isr.gui.widgets._common import WrappingLabel

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["CertificatePanel", "certificate_html"]

TICK, CROSS = "✓", "✗"
HEIGHT = 150  # of the account, in pixels
CONFLICT = "conflict"  # begins the links to strokes in conflict


class CertificatePanel(QWidget):
    """The certificates of all objects: one line, red where one fails; the rest on a click.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.line = WrappingLabel("isr_certificate")
        self.more = QToolButton()
        self.more.setObjectName("isr_trust")
        self.more.setToolTip("What was proved and what was checked, object by object")
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setStyleSheet("QToolButton { border: none; background: transparent; }")
        self.account = QLabel()
        self.account.setObjectName("isr_trust_account")
        self.account.setToolTip("Click a conflict to bring its strokes into view")
        self.account.setWordWrap(True)
        self.account.setTextFormat(Qt.TextFormat.RichText)
        self.account.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
        )
        self.account.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.account.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.scroll = QScrollArea()  # Long texts scroll, so that the dock keeps its size.
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setFixedHeight(HEIGHT)
        self.scroll.setWidget(self.account)
        self._arrange()
        self.more.toggled.connect(self._unfold)
        self.account.linkActivated.connect(self._follow)
        controller.state.events.rows.connect(self._tell)
        controller.presenter.settled.connect(self._tell)
        controller.settings.events.names.connect(self._tell)
        self._unfold(False)
        self._tell()

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.more, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.line, 1)
        column.addLayout(head)
        column.addWidget(self.scroll)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._tell()

    def _unfold(self, on: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.scroll.setVisible(on)
        self._tell()

    def _tell(self) -> None:
        """Bring line and account up to date."""
        state, result = self._controller.state, self._controller.result
        holds, sentence = state.certificate
        named = self._controller.settings.insert_object_names
        mark, meaning = {True: (f"{TICK} ", GOOD), False: (f"{CROSS} ", ALARM), None: ("", "")}[
            holds
        ]
        self.line.set_message(f"{mark}{_capital(named(sentence))}", meaning)
        self.line.setToolTip(named(state.certificate_text))
        self.more.setVisible(bool(sentence))
        if self.scroll.isHidden():
            return
        known = sentence and result is not None
        notes = {row.label: row.measure.note for row in state.rows}
        image = self._controller.image_layer
        axes = resolve_axes(image, self._controller.settings.axes) if image is not None else "yx"
        told = []
        for label, item in result.objects.items() if known else ():
            whole = describe_extent(item.frame.shape, axes)
            told.append(
                certificate_html(item, whole, notes.get(label, ""), named, status_colors(self))
            )
        if told and result is not None:
            told.append(f'<p style="margin: 4px 0 0 0;">fitted on: {escape(result.device)}</p>')
        self.account.setText("".join(told))

    def _follow(self, link: str) -> None:
        """Bring the strokes in conflict of an object into view."""
        result, image = self._controller.result, self._controller.image_layer
        kind, _, label = link.partition(":")
        if kind != CONFLICT or result is None or image is None:
            return
        conflict = result.objects[int(label)].conflict
        if conflict is not None:
            center_view_on(self._controller.viewer, image, medoid_pixel(conflict.pixels))


def medoid_pixel(pixels: Any) -> tuple[float, ...]:
    """Return the medoid of pixels (n, d)."""
    points = np.asarray(pixels, np.float64)
    middle = points.mean(0)
    best = points[((points - middle) ** 2).sum(1).argmin()]
    return tuple(float(x) for x in best)


def describe_extent(shape: Sequence[int], axes: str) -> str:
    """Describe the part of a stack that a certificate covers, empty for a plain image."""
    frames = f"all {shape[0]} frames as one"
    return {"zyx": f"the whole volume of {shape[0]} slices", "tyx": frames, "tzyx": frames}.get(
        axes, ""
    )


def certificate_html(
    item: Any,
    whole: str = "",
    note: str = "",
    named: Callable[[str], str] = str,
    colors: Mapping[str, str] = ON_DARK,
) -> str:
    """Return the facts of one object as rich text, one line for each check.

    Parameters
    ----------
    item : ObjectResult
    whole : str, optional
        What it is known of, if not of a plain image.
    note : str, optional
        What else is to be told.
    named : callable, optional
        Puts an object's name in the place of ``object 2`` in a text.
    colours : mapping of str to str, optional
        Of what holds, of what does not, and of what is doubtful.
    """
    proof = item.certificate
    lines = []
    if proof.by_construction is not None:
        lines.append(_line(True, f"proved: {proof.by_construction}", colors))
        lines += [_line(check.holds, _finding(check), colors) for check in proof.checked]
        lines.append(f"&nbsp;&nbsp;shape and predictor agree by {100 * item.iou_predictor:.0f} %")
    else:
        lines.append("&nbsp;&nbsp;no shape was asked for, so nothing is promised")
    if item.conflict is not None:
        count = len(item.conflict.pixels)
        reason = escape(named(item.conflict.sentence))
        link = f'<a href="{CONFLICT}:{item.label}" style="color: {colors[DOUBT]};">show them</a>'
        lines.append(
            f'<span style="color: {colors[DOUBT]};">⚠ {count} stroke pixels in conflict:</span> '
            f"{reason} ({link})"
        )
    name = escape(item.shape_name.partition(":")[0])
    title = f"<b>{escape(_capital(named(f'object {item.label}')))}</b>" + (
        f" · {name}" if name != "none" else ""
    )
    title += f" · {whole}" if whole else ""
    if proof.space:
        title += f"<br>in {escape(proof.space)}, not in the image"
    lines += [f"&nbsp;&nbsp;{escape(note)}"] if note else []
    return f'<p style="margin: 4px 0 0 0;">{title}<br>{"<br>".join(lines)}</p>'


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _line(holds: bool, text: str, colors: Mapping[str, str]) -> str:
    mark, meaning = (TICK, GOOD) if holds else (CROSS, BAD)
    return f'<span style="color: {colors[meaning]};">{mark}</span> {escape(text)}'


def _finding(check: Any) -> str:
    """Format one check: ``0 holes``, ``change of the logit 2e-07, at most 1e-05``."""
    if check.limit:
        return f"{check.name}: {check.value:.2g}, at most {check.limit:.2g}"
    return f"{'no' if check.value == 0 else f'{check.value:g}'} {check.name}"
