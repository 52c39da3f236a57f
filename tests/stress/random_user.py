"""Somebody who does whatever the dock allows, in any order; the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_isr.gui import keybindings as keys
from napari_isr.gui._testing import STEP, CanvasMouse
from napari_isr.gui.dock_widget import ScribbleWidget
from napari_isr.gui.handle_controller import GRAB

SIZE = 96
SHAPES = ("convex", "star", "mirror", "rotational:order=4", "star+mirror", "none", "connected")
LABELS = (1, 1, 2, 2, 3, 4)
PATIENCE = 600_000  # ms, on a machine that may be busy, or stop for minutes


def picture(rng):
    rows, columns = np.ogrid[:SIZE, :SIZE]
    y, x = rng.uniform(35, 60, 2)
    inside = np.hypot((rows - y) / rng.uniform(0.7, 1.3), columns - x) < rng.uniform(15, 28)
    noise = rng.normal(0, 6, (SIZE, SIZE))
    return np.clip(np.where(inside, 190, 60) + noise, 0, 255).astype(np.uint8)


class RandomUser:
    """Acts on one viewer, and looks after its strokes.

    Parameters
    ----------
    viewer : napari.Viewer
        Shown.
    qtbot : pytestqt.qtbot.QtBot
    seed : int
    """

    def __init__(self, viewer, qtbot, seed):
        self.viewer, self.qtbot, self.rng = viewer, qtbot, np.random.default_rng(seed)
        self.done, self.taken = Counter(), Counter()
        self.image = viewer.add_image(picture(self.rng), name="picture")
        self.open_dock()
        self.weights = {
            self.stroke: 30,
            self.wait: 10,
            self.undo_stroke: 5,
            self.redo_stroke: 3,
            self.press_a_key: 14,
            self.choose_shape: 5,
            self.choose_own_shape: 3,
            self.choose_settings: 1,
            self.toggle: 6,
            self.cancel_soon: 6,
            self.rename: 3,
            self.remove_a_result: 3,
            self.remove_strokes: 1,
            self.remove_image: 1,
            self.replace_image_data: 2,
            self.reset: 1,
            self.turn_sliders: 5,
            self.look_elsewhere: 3,
            self.fold: 2,
            self.reopen_dock: 1,
        }

    # ------------------------------------------------------------------------------ actions

    def act(self):
        """Do one thing, and say its name; strokes change only where that is what it does."""
        actions = list(self.weights)
        share = np.array([self.weights[action] for action in actions], float)
        action = actions[self.rng.choice(len(actions), p=share / share.sum())]
        layer = self.dock.scribble_layer
        before = None if layer is None else layer.data.copy()
        action()
        self.done[action.__name__] += 1
        changes = action in (self.stroke, self.undo_stroke, self.redo_stroke)
        if before is not None and not changes and layer in self.viewer.layers:
            np.testing.assert_array_equal(layer.data, before, f"strokes lost: {action.__name__}")
        QApplication.processEvents()
        return action.__name__

    def stroke(self):
        layer = self.strokes()
        label = int(self.rng.choice(LABELS))
        self.viewer.layers.selection.active = layer
        self.dock.brush.select_label(label)
        layer.brush_size = int(self.rng.integers(2, 6))
        before = layer.data.copy()
        start = self.rng.uniform(14, SIZE - 14, 2)
        while self.on_a_handle(start):  # that would be dragged
            start = self.rng.uniform(14, SIZE - 14, 2)
        stop = np.clip(start + self.rng.normal(0, 14, 2), 8, SIZE - 8)
        self.hand.draw(tuple(start), tuple(stop))
        drawn = layer.data != before
        assert (layer.data[drawn] == label).all()
        if self.on_a_handle(start) and not drawn.any():
            return  # it came as the hand went down
        # On a busy machine napari merges the last move with the one before it.
        reach = 4 + int(np.ceil(STEP / self.viewer.scene.camera.zoom))
        row, column = np.rint(stop).astype(int)
        low = np.maximum((row - reach, column - reach), 0)
        near = layer.data[low[0] : row + reach + 1, low[1] : column + reach + 1]
        told = f"{start}, {stop}, {label}; {drawn.sum()} pixels drawn, {layer.mode}"
        assert (near == label).any(), f"a stroke left nothing: {told}"

    def wait(self):
        QTest.qWait(int(self.rng.integers(1, 120)))

    def undo_stroke(self):
        self.strokes().undo()

    def redo_stroke(self):
        self.strokes().redo()

    def press_a_key(self):
        self.viewer.layers.selection.active = self.strokes()
        key = str(self.rng.choice(keys.TAKEN))
        shift = Qt.KeyboardModifier.ShiftModifier
        modifier = shift if key.startswith("Shift-") else Qt.KeyboardModifier.NoModifier
        self.qtbot.keyClick(self.hand.canvas, key[-1], modifier)

    def choose_shape(self):
        self.dock.shape = str(self.rng.choice(SHAPES))

    def choose_own_shape(self):
        chosen = self.dock.controller.settings
        own = dict(chosen.own_shapes)
        own[int(self.rng.integers(2, 5))] = str(self.rng.choice(SHAPES))
        chosen.own_shapes = own if self.rng.random() < 0.7 else {}

    def choose_settings(self):
        self.dock.features = str(self.rng.choice(["auto", "rgb,spatial", "rgb,nearness"]))
        self.dock.predictor = str(self.rng.choice(["auto", "linear", "fcn"]))
        self.dock.mode = str(self.rng.choice(["auto", "sequential", "joint"]))

    def toggle(self):
        name = str(self.rng.choice(["live", "uncertainty", "next_stroke"]))
        on = not getattr(self.dock, name) or (name == "live" and self.rng.random() < 0.7)
        setattr(self.dock, name, on)

    def cancel_soon(self):
        self.dock.run()
        QTest.qWait(int(self.rng.integers(1, 200)))
        self.dock.cancel()

    def rename(self):
        layers = list(self.viewer.layers)
        layers[self.rng.integers(len(layers))].name = f"layer {self.rng.integers(1000)}"

    def remove_a_result(self):
        found = [layer for layer in self.viewer.layers if is_result(layer)]
        if found:
            self.viewer.layers.remove(found[self.rng.integers(len(found))])

    def remove_strokes(self):
        # The next layer comes at once: napari 0.9 crashes in software OpenGL, without this plugin
        # too, where its canvas is drawn after the last Labels layer went, and another one comes.
        if self.dock.scribble_layer is not None:
            self.viewer.layers.remove(self.dock.scribble_layer)
            self.dock.new.click()

    def remove_image(self):
        self.dock.run()
        QTest.qWait(int(self.rng.integers(1, 60)))
        self.viewer.layers.remove(self.image)
        # Its masks stay until somebody takes them out: layers that pile up are no leak.
        for layer in [layer for layer in self.viewer.layers if is_result(layer)]:
            self.viewer.layers.remove(layer)
        self.image = self.viewer.add_image(picture(self.rng), name="picture")
        self.dock.image_layer = self.image

    def replace_image_data(self):
        self.dock.run()
        QTest.qWait(int(self.rng.integers(1, 60)))
        self.image.data = picture(self.rng)

    def reset(self):
        self.dock.reset()

    def turn_sliders(self):
        layer = self.strokes()
        layer.opacity = float(self.rng.uniform(0.3, 1))
        self.image.contrast_limits = (0, float(self.rng.uniform(150, 255)))
        layer.visible = not layer.visible
        layer.visible = True

    def look_elsewhere(self):
        self.viewer.scene.camera.zoom *= float(self.rng.uniform(0.7, 1.6))
        QTest.qWait(int(self.rng.integers(1, 60)))
        self.viewer.reset_view()

    def fold(self):
        self.dock.certificate_panel.more.toggle()
        self.dock.more.button.toggle()

    def reopen_dock(self):
        self.viewer.window.remove_dock_widget(self.dock)
        self.dock.deleteLater()
        self.open_dock()

    def tidy(self):
        """Leave nothing but image and strokes in the viewer; the dock stays as it is."""
        stay = self.image, self.strokes()
        for layer in [layer for layer in self.viewer.layers if layer not in stay]:
            if layer in self.viewer.layers:  # some go with others
                self.viewer.layers.remove(layer)

    # -------------------------------------------------------------------------------- state

    def open_dock(self):
        self.dock = ScribbleWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Scribble and refine", area="right")
        self.hand = CanvasMouse(self.viewer, self.dock)
        sizes = []
        while len(sizes) < 4 or len(set(sizes[-4:])) > 1:  # the window takes its size late
            QTest.qWait(40)
            sizes.append((self.hand.canvas.width(), self.hand.canvas.height()))
        self.dock.image_layer = self.image
        self.viewer.reset_view()

    def strokes(self):
        """The stroke layer, made anew if it is gone."""
        if self.dock.scribble_layer is None:
            self.dock.new.click()
        return self.dock.scribble_layer

    def on_a_handle(self, point):
        """Return True if a press at the position would drag a handle."""
        views = self.dock.controller.presenter.views
        handle = views._handles._handle if views is not None else None
        grips = handle.control_points.values() if handle is not None else ()
        ways = [self.hand.to_canvas(*grip) - self.hand.to_canvas(*point) for grip in grips]
        return any(np.hypot(way.x(), way.y()) < 2 * GRAB for way in ways)

    def rest(self):
        """Wait until all is done, and see that the last fit knew the last stroke."""
        self.dock.live = True
        dock, layer = self.dock, self.strokes()
        # A fit may be under way of strokes that are gone: ask for one of what is there.
        dock.run()
        QTest.qWait(30)
        worker = dock.controller.worker
        self.qtbot.waitUntil(
            lambda: not worker.busy and not dock.controller.state.busy, timeout=PATIENCE
        )
        state = dock.controller.state
        if state.kind == "done" and not state.message.startswith("This is"):
            shown = {row.label: row.strokes for row in state.rows}
            drawn = {k: int(np.count_nonzero(layer.data == k)) for k in np.unique(layer.data)}
            assert shown == {k: n for k, n in drawn.items() if k > 1}, "a fit missed a stroke"


def is_result(layer):
    return layer.metadata.get("napari-isr") in ("raw", "isr", "outlines", "conflict", "next")
