"""Why a result can be trusted, in the dock."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_isr.certificates import Certificate, Check
from napari_isr.gui.models import ObjectRow
from napari_isr.gui.widgets.certificate_panel import certificate_html, medoid_pixel

WAIT = 30_000


def fitted_object(checks, conflict=None, promise="it is as it is"):
    proof = Certificate(property="convex", by_construction=promise, checked=tuple(checks))
    return SimpleNamespace(
        certificate=proof,
        conflict=conflict,
        label=3,
        shape_name="convex:pieces=9",
        iou_predictor=0.914,
    )


def test_the_account_tells_every_check():
    checks = [
        Check(name="holes", value=0),
        Check(name="pixels <missing>", value=7),
        Check(name="change of the logit", value=2.3e-7, limit=1e-5),
    ]
    conflict = SimpleNamespace(pixels=np.zeros((12, 2)), sentence="A & B contradict each other")
    text = certificate_html(fitted_object(checks, conflict))
    assert "Object 3</b> · convex<br>" in text
    assert "✓</span> proved: it is as it is" in text
    assert "✓</span> no holes" in text
    assert "✗</span> 7 pixels &lt;missing&gt;" in text
    assert "✓</span> change of the logit: 2.3e-07, at most 1e-05" in text
    assert "agree by 91 %" in text
    assert "12 stroke pixels in conflict" in text
    assert "A &amp; B" in text
    assert 'href="conflict:3"' in text
    assert "nothing is promised" in certificate_html(fitted_object([], promise=None))


def test_the_middle_of_pixels_is_one_of_them():
    pixels = np.array([[0, 0], [0, 10], [10, 0], [10, 10], [4, 6]])
    assert medoid_pixel(pixels) == (4.0, 6.0)


def test_one_line_unfolds_to_the_account(fitted, qtbot):
    _, dock = fitted
    trust = dock.certificate_panel
    assert trust.scroll.isHidden()
    assert dock.certificate.text().startswith("✓ Object 2: convex by construction")
    trust.more.click()
    assert not trust.scroll.isHidden()
    assert "no pixels missing from the hull" in trust.account.text()
    before = trust.account.text()
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.shape = "star"
    assert trust.account.text() != before
    assert "hidden from the centre" in trust.account.text()
    dock.reset()
    assert trust.account.text() == ""
    assert trust.more.isHidden()
    trust.more.click()
    assert trust.scroll.isHidden()


def test_a_failing_certificate_is_unmissable(fitted):
    _, dock = fitted
    state = dock.controller.state
    assert "background" not in dock.certificate.styleSheet()
    state.rows = (ObjectRow(2, 9, "convex", 5.0, False, "not convex: 3 pixels missing"),)
    assert dock.certificate.text() == "✗ Object 2: not convex: 3 pixels missing"
    assert "background: #b3261e" in dock.certificate.styleSheet()
    state.rows = (ObjectRow(2, 9, "convex", 5.0, True, "convex by construction, and all hold"),)
    assert dock.certificate.text().startswith("✓")
    assert "background" not in dock.certificate.styleSheet()


def test_a_click_brings_a_conflict_into_view(fitted, strokes, qtbot):
    viewer, dock = fitted
    dock.certificate_panel.more.click()
    contradiction = strokes.copy()
    contradiction[40:44, 70:74] = 2
    contradiction[40:44, 62:66] = 1  # between the object's strokes
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.scribble_layer.data = contradiction
    assert "in conflict" in dock.certificate_panel.account.text()
    viewer.scene.camera.center = (0, 0, 0)
    dock.certificate_panel.account.linkActivated.emit("conflict:2")
    row, column = viewer.scene.camera.center[-2:]
    assert 38 <= row <= 46
    assert 36 <= column <= 76
    dock.certificate_panel.account.linkActivated.emit("somewhere:2")  # nothing happens
    assert viewer.scene.camera.center[-2:] == pytest.approx((row, column))
