"""Work that is stopped from outside, and can be taken up again."""

import threading
import time

import numpy as np
import pytest

from napari_isr.cancellation import Cancelled, cancellable, check_cancelled, run_cancellable
from napari_isr.segmentation.segmenter import Segmenter


def after(breaths):
    """Ask to stop at that breath."""
    left = [breaths]

    def asked():
        left[0] -= 1
        return left[0] < 0

    return asked


def test_nobody_asks():
    check_cancelled()
    with cancellable(lambda: False):
        check_cancelled()


def test_it_stops_where_it_was_asked_and_not_after_it():
    with pytest.raises(Cancelled), cancellable(lambda: True):
        check_cancelled()
    check_cancelled()


def test_to_handle_errors_does_not_hold_it_up():
    def stubborn():
        try:
            check_cancelled()
        except Exception:
            return "held up"

    with pytest.raises(Cancelled), cancellable(lambda: True):
        stubborn()


@pytest.mark.parametrize("asked", [None, lambda: False])
def test_what_is_done_aside_comes_back_or_fails(asked):
    def call(compute):
        if asked is None:
            return run_cancellable(compute)
        with cancellable(asked):
            return run_cancellable(compute)

    def failing(kind):
        raise kind("no")

    assert call(lambda: 3) == 3
    for kind in (ValueError, TimeoutError):
        with pytest.raises(kind, match="no"):
            call(lambda kind=kind: failing(kind))


def test_what_is_done_aside_is_left_at_once():
    go_on, ended = threading.Event(), threading.Event()

    def slow():
        go_on.wait(20)
        ended.set()

    start = time.perf_counter()
    with pytest.raises(Cancelled), cancellable(lambda: time.perf_counter() - start > 0.05):
        run_cancellable(slow)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(20)


def stopped(segmenter, strokes, asked):
    """Fit, and let it be asked at every breath; whether it was stopped."""
    updates = segmenter.run(strokes, "mirror")
    with cancellable(asked):
        try:
            for _ in updates:
                pass
        except Cancelled:
            return True
    return False


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_fit_that_was_stopped_in_a_function_can_be_taken_up(share, monkeypatch):
    monkeypatch.setattr("napari_isr.cancellation.LOOK", 30.0)  # as many breaths each time
    rows, columns = np.ogrid[:80, :80]
    image = np.where(np.hypot(rows - 40, columns - 40) < 22, 200, 40).astype(np.uint8)
    strokes = np.zeros((80, 80), np.uint8)
    strokes[38:42, 30:50] = 2
    strokes[4:8, 4:76] = 1
    breaths = []
    assert not stopped(Segmenter(image), strokes, lambda: breaths.append(1))
    segmenter = Segmenter(image)
    assert stopped(segmenter, strokes, after(int(share * len(breaths))))
    assert not segmenter.result.objects
    for _ in segmenter.run(strokes, "mirror"):
        pass
    found = segmenter.result.objects[2]
    assert found.certificate.holds
    assert 1200 < found.mask.sum() < 1900
