"""A viewer with a disc, strokes by hand, and the dock."""

import functools
import gc
import importlib
import weakref

import numpy as np
import pytest

pytest.importorskip("napari", reason="the dock's tests need napari")
pytest.importorskip("qtpy", reason="the dock's tests need Qt")

from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent

from napari_isr.gui._testing import CanvasMouse
from napari_isr.gui.dock_widget import ScribbleWidget

SIZE = 96
PATIENCE = 30_000  # ms; the first fit imports torch, on a machine that may be busy


WITHOUT_A_WINDOW = ("test_controller.py",)


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gui/" in item.path.as_posix() and item.path.name not in WITHOUT_A_WINDOW:
            item.add_marker(pytest.mark.gui)


FAILED = pytest.StashKey[set[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.config.stash.setdefault(FAILED, set()).add(item.nodeid)
    return report


class Docks:
    """Which docks there are, and which tests made them."""

    def __init__(self):
        self.test, self.left, self._made = "", set(), []

    def note(self, dock):
        self._made.append((weakref.ref(dock), self.test))

    def look(self):
        """All that is left of the tests goes; tests whose dock is still held are noted."""
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.unfreeze()
        gc.collect()
        self.left |= {test for dock, test in self._made if dock() is not None}
        self._made.clear()


@pytest.fixture(autouse=True, scope="session")
def _docks(request):
    """At the end, that no dock outlived its test."""
    docks = Docks()
    make = ScribbleWidget.__init__

    @functools.wraps(make)  # napari asks for its arguments
    def noted(self, *args, **kwargs):
        docks.note(self)
        make(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScribbleWidget, "__init__", noted)
        yield docks
    docks.look()
    # Of what failed, the traceback holds it; of the last one, pytest itself until after this.
    held = request.config.stash.get(FAILED, set()) | {docks.test}
    left = sorted(docks.left - held)
    assert not left, f"a dock outlives {', '.join(left)}"


@pytest.fixture(autouse=True)
def _whose_dock(request, _docks):
    _docks.test = request.node.nodeid


@pytest.fixture(autouse=True, scope="module")
def _swept(_docks):
    """Collect the garbage of the tests of a file before those of the next."""
    for name in ("napari._qt.qt_viewer", "napari_isr.api", "napari_isr.gui.fitting.run_job"):
        importlib.import_module(name)
    _docks.look()


@pytest.fixture(autouse=True, scope="session")
def _manifests_read_once():
    """Each new viewer asks for the manifests of all plugins, and YAML is slow to read."""
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda *_, **__: iter(found))
        yield


@pytest.fixture(autouse=True)
def _little_garbage():
    """Napari collects all garbage as layers go: what was there before need not be looked at again.

    Else half of the time of these tests goes into looking at the objects of torch and napari.
    """
    gc.freeze()


@pytest.fixture(autouse=True)
def _preferences_as_delivered(request, monkeypatch):
    """Whoever runs the tests may have set others in napari."""
    if "plugin_settings" not in request.fixturenames:
        monkeypatch.setattr("napari_isr.gui.persistence.preferences._pages", lambda: iter(()))


@pytest.fixture
def disc():
    rows, columns = np.ogrid[:SIZE, :SIZE]
    noise = np.random.default_rng(0).normal(0, 6, (SIZE, SIZE))
    inside = np.hypot(rows - 48, columns - 48) < 25
    return np.clip(np.where(inside, 190, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def strokes():
    scribbles = np.zeros((SIZE, SIZE), np.uint8)
    scribbles[40:44, 38:58] = 2
    scribbles[4:8, 6:90] = 1
    scribbles[88:92, 6:90] = 1
    scribbles[10:88, 6:9] = 1
    return scribbles


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def open_dock(qtbot):
    """Give a function that adds the dock to a viewer and waits until the library is loaded."""

    def opened(viewer, **settings):
        dock = ScribbleWidget(viewer)
        for name, value in settings.items():
            setattr(dock, name, value)
        viewer.window.add_dock_widget(dock, name="Scribble and refine", area="right")
        qtbot.waitUntil(lambda: dock.shapes.count() > 1, timeout=PATIENCE)
        return dock

    return opened


@pytest.fixture
def ready(viewer, disc, open_dock):
    """Give viewer and dock with a disc and an empty stroke layer."""
    viewer.add_image(disc, name="disc")
    dock = open_dock(viewer)
    dock.new.click()
    return viewer, dock


def fit(dock, strokes, qtbot):
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scribble_layer.data = strokes


@pytest.fixture
def fitted(ready, strokes, qtbot):
    """Give viewer and dock after the first fit, of colours alone, which is quick."""
    ready[1].features = "rgb"
    fit(ready[1], strokes, qtbot)
    return ready


@pytest.fixture
def quick(ready, strokes, qtbot):
    """Give viewer and dock after a fit without a shape, which is quickest."""
    ready[1].shape, ready[1].features = "none", "rgb"
    fit(ready[1], strokes, qtbot)
    return ready


@pytest.fixture
def drawing(make_napari_viewer_proxy, disc, open_dock, qtbot):
    """Give a shown viewer, its dock and a hand that draws on its canvas."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(disc, name="disc")
    dock = open_dock(viewer)
    dock.new.click()
    hand = CanvasMouse(viewer, dock)
    # On a busy machine the window takes its size late, and strokes would land elsewhere.
    sizes = []
    for _ in range(50):
        qtbot.wait(60)
        sizes.append((hand.canvas.width(), hand.canvas.height()))
        if len(sizes) > 3 and len(set(sizes[-4:])) == 1:
            break
    viewer.reset_view()
    qtbot.wait(50)
    return viewer, dock, hand
