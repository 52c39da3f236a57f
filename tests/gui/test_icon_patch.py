"""Icons are rendered once, and look as before."""

import numpy as np
import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap

from napari_isr.gui._napari_patches import patch_icon_cache

MODE, STATE = QIcon.Mode.Normal, QIcon.State.Off


class Engine:
    """Fills its place with a colour, as an icon's engine paints an icon."""

    def __init__(self, data, log):
        self.data, self.log = data, log

    def paint(self, painter, rect, mode, state):
        self.log.append(self.data)
        painter.fillRect(rect.adjusted(1, 1, -1, -1), Qt.GlobalColor.red)


@pytest.fixture
def engine():
    """A class of its own: what is done to it is done to no icon."""
    return type("Engine", (Engine,), {"paint": Engine.paint})


PLACE = QRect(3, 2, 10, 10)


def painted(icon, rect=PLACE):
    picture = QPixmap(20, 16)
    picture.fill(Qt.GlobalColor.blue)
    painter = QPainter(picture)
    how = (MODE, STATE) if isinstance(icon, Engine) else ()
    icon.paint(painter, rect, *how)
    painter.end()
    image = picture.toImage()
    pixels = [[image.pixel(x, y) for x in range(20)] for y in range(16)]
    return np.array(pixels, np.uint32).view(np.uint8).astype(int)


def test_what_is_painted_is_the_same(qapp, engine):
    before = painted(engine(b"a", []))
    patch_icon_cache(engine)
    log = []
    icon = engine(b"a", log)
    np.testing.assert_array_equal(painted(icon), before)
    np.testing.assert_array_equal(painted(icon), before)
    assert log == [b"a"]


def test_another_text_and_another_size_are_other_pictures(qapp, engine):
    patch_icon_cache(engine)
    log = []
    painted(engine(b"a", log))
    painted(engine(b"b", log))
    painted(engine(b"a", log), QRect(0, 0, 12, 12))
    painted(engine(b"a", log))
    assert log == [b"a", b"b", b"a"]


def test_a_second_call_does_nothing(engine):
    patch_icon_cache(engine)
    once = engine.paint
    patch_icon_cache(engine)
    assert engine.paint is once


def test_a_class_that_paints_nothing_is_left_alone():
    patch_icon_cache(type("Bare", (), {}))


def test_icons_of_napari_look_as_before(qapp, monkeypatch):
    module = pytest.importorskip("napari._qt.qt_resources._svg")
    engine = module.SVGBufferIconEngine
    paint = engine.paint
    monkeypatch.setattr(engine, "paint", getattr(paint, "__wrapped__", paint))
    icon = module.QColoredSVGIcon.from_resources("new_labels").colored(theme="dark")
    before = painted(icon)
    patch_icon_cache()
    assert hasattr(engine.paint, "__wrapped__")
    for _ in range(2):
        assert abs(painted(icon) - before).max() <= 3  # of 255: soft edges are rounded twice
    assert np.ptp(before) > 100
