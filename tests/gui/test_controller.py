"""Rules of the live loop, with a viewer, timers and threads that the test drives."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from psygnal import Signal

from napari_isr.gui import controller as module
from napari_isr.gui._concurrency import BackgroundTask
from napari_isr.gui.controller import Controller
from napari_isr.gui.fitting.events import FitFinished, FitNeedsScribbles, FitProgress
from napari_isr.gui.fitting.fit_history import FitHistory, FitHistoryEntry
from napari_isr.gui.fitting.scheduler import FitScheduler
from napari_isr.gui.fitting.worker import AvailableChoices, FitWorker
from napari_isr.gui.hints import NO_IMAGE, NO_SCRIBBLES
from napari_isr.gui.models import FIT_SETTINGS, DockModel
from napari_isr.lazy_arrays import is_lazy

CHOICES = AvailableChoices(("convex",), ("auto",), ("auto",), ("auto",))
OTHER_VALUES = {
    "shape": "star",
    "own_shapes": {2: "star"},
    "predictor": "linear",
    "features": "rgb",
    "mode": "joint",
    "axes": "t",
    "per_frame": True,
    "coordinate": "depth",
}


class Layer:
    """A layer as the controller sees it."""

    def __init__(self, data):
        self.data = data


class FakeAdapter:
    scribbles_edited = Signal()
    image_edited = Signal()
    colors_edited = Signal()
    layer_removed = Signal(object)

    def __init__(self):
        self.viewer = SimpleNamespace()
        self.is_painting = self.closed = False
        self.problem, self.centered = "", []

    def bind_actions(self, actions):
        self.actions = actions

    def own_layer(self, layer):
        return layer

    def check_layers(self, image, scribbles):
        if any(layer is not None and not isinstance(layer, Layer) for layer in (image, scribbles)):
            raise TypeError

    def image_problem(self, image):
        return self.problem

    def no_image_hint(self):
        return NO_IMAGE

    def no_scribbles_hint(self, image):
        return NO_SCRIBBLES

    def add_scribbles(self, image):
        return Layer(np.zeros_like(image.data))

    def mark_scribbles_seen(self):
        pass

    def center_on(self, point):
        self.centered.append(point)

    def job_inputs(self):
        return {"axes": "yx", "spacing": (1.0, 1.0)}

    def close(self):
        self.closed = True


class FakePresenter:
    updated = Signal(object)
    settled = Signal()
    drawing = Signal(bool)

    def __init__(self, state):
        self._state = state
        self.result = self.next_stroke = self.warm_start_result = None
        self.history, self.choosing = FitHistory(), False
        self.events, self.dropped, self.closed = [], [], False

    def handle_event(self, news):
        self.events.append(news)
        if isinstance(news, FitFinished):
            self.result, self.warm_start_result = news.result, None
            self.history.push(FitHistoryEntry(news))

    def on_ended(self):
        self._state.busy = False

    def set_final_status(self, kind, message):
        self._state.set_status(kind, message)

    def discard_pending(self):
        self.dropped.append("pending")

    def restore(self, fit):
        if fit is not None:
            self.result = self.warm_start_result = fit.done.result

    def remove_object(self, label):
        self.dropped.append(label)

    def clear_history(self):
        self.result = self.warm_start_result = None
        self.history.clear()

    def drop_views(self, *, masks=False):
        self.dropped.append("masks" if masks else "views")

    def update_colors(self):
        pass

    def close(self):
        self.closed = True


class Clock:
    """The time, and the timers that it rings."""

    def __init__(self):
        self.now, self._timers = 100.0, []

    def __call__(self):
        return self.now

    def make_timer(self, slot):
        timer = FakeTimer(self, slot)
        self._timers.append(timer)
        return timer

    def advance(self, milliseconds):
        self.now += milliseconds / 1000
        for timer in self._timers:
            if timer.due is not None and timer.due <= self.now:
                timer.due = None
                timer.slot()


class FakeTimer:
    def __init__(self, clock, slot):
        self._clock, self.slot, self.due = clock, slot, None

    def start(self, milliseconds=0):
        self.due = self._clock.now + milliseconds / 1000

    def stop(self):
        self.due = None


class FakeExecutor:
    """Runs generators step by step, when the test says so."""

    def __init__(self):
        self._running = []

    def iterate(
        self, generator, on_item=None, on_return=None, on_error=None, on_end=None, gate=None
    ):
        task = BackgroundTask()
        self._running.append((task, generator, on_item, on_return, on_end))
        return task

    def submit(self, function, on_result=None, on_error=None, on_end=None):
        def steps():
            return function()
            yield

        return self.iterate(steps(), on_return=on_result, on_end=on_end)

    def scan(self, data, function, on_result):
        on_result(function(data))

    @property
    def is_idle(self):
        return not self._running

    def step(self):
        """Run one step of the work that was submitted first."""
        task, generator, on_item, on_return, on_end = self._running[0]
        if task.is_cancelled:
            generator.close()
        else:
            try:
                on_item(next(generator))
                return
            except StopIteration as end:
                if on_return is not None:
                    on_return(end.value)
        self._running.pop(0)
        on_end()

    def finish(self):
        """Run all submitted work to its end."""
        while self._running:
            self.step()

    def close(self):
        pass


class OpenGate:
    def close_until_painted(self, last=True):
        pass

    def close_now(self):
        pass

    def wait(self):
        pass

    def close(self):
        pass


class Loop:
    """A controller with an image and scribbles, and everything that the test drives."""

    def __init__(self, *, load=True):
        self.clock, self.executor = Clock(), FakeExecutor()
        self.model, self.adapter = DockModel(), FakeAdapter()
        self.presenter = FakePresenter(self.model.state)
        self.jobs = []
        self.choices = CHOICES
        self.worker = FitWorker(self.executor, OpenGate(), self.fit, lambda: self.choices)
        scheduler = FitScheduler(self.clock.make_timer, self.clock.make_timer, self.clock)
        self.control = Controller(
            self.adapter, self.presenter, self.model, scheduler, self.worker, self.executor
        )
        self.state = self.model.state
        if load:
            self.worker.load()
            self.executor.finish()

    def fit(self, job, segmenters):
        """A fit of two steps."""
        self.jobs.append(job)
        segmenters._entries.append((job.image, (), {}, None))
        yield FitProgress(rows=())
        result = SimpleNamespace(objects={}, job=job)
        image = np.zeros((2, 2), np.uint8)
        yield FitFinished(image, image, (), result, 0.0)

    def open(self):
        """Open an image with a scribble layer."""
        self.control.image_layer = Layer(np.zeros((8, 8), np.uint8))
        self.control.scribble_layer = Layer(np.zeros((8, 8), np.uint8))
        return self

    def draw(self):
        """Draw a stroke after a pause of the user, up to the request of the fit."""
        self.clock.advance(1000)
        self.edit()
        self.clock.advance(0)

    def edit(self):
        self.adapter.scribbles_edited.emit()

    def fitted(self):
        """Fit once."""
        self.draw()
        self.executor.finish()
        return self


@pytest.fixture
def loop():
    return Loop().open()


# ------------------------------------------------------------------------- what starts a fit


def test_a_stroke_starts_a_fit_of_the_present_layers(loop):
    loop.draw()
    loop.executor.finish()
    (job,) = loop.jobs
    assert job.image is loop.control.image_layer.data
    assert job.scribbles is loop.control.scribble_layer.data
    assert job.live
    assert loop.control.result.job is job
    assert not loop.state.busy


def test_a_stroke_starts_no_fit_unless_the_dock_is_live(loop):
    loop.control.settings.live = False
    loop.draw()
    assert not loop.jobs
    loop.control.run()
    loop.clock.advance(0)
    loop.executor.finish()
    assert not loop.jobs[0].live  # missing scribbles are an error


@pytest.mark.parametrize("name", FIT_SETTINGS)
def test_a_setting_of_the_fit_starts_another_one(loop, name):
    loop.fitted()
    loop.clock.advance(1000)
    setattr(loop.control.settings, name, OTHER_VALUES[name])
    loop.clock.advance(0)
    loop.executor.finish()
    assert len(loop.jobs) == 2


def test_a_setting_starts_no_fit_before_the_first_one(loop):
    loop.control.settings.shape = "star"
    loop.clock.advance(1000)
    assert not loop.jobs


def test_a_setting_of_a_restored_fit_starts_no_other_one(loop):
    loop.fitted()
    loop.presenter.choosing = True
    loop.control.settings.shape = "star"
    loop.clock.advance(1000)
    assert len(loop.jobs) == 1


def test_switching_live_mode_on_refits(loop):
    loop.fitted()
    loop.control.settings.live = False
    loop.draw()
    assert len(loop.jobs) == 1
    loop.control.settings.live = True
    loop.clock.advance(1000)
    loop.executor.finish()
    assert len(loop.jobs) == 2


def test_another_device_refits(loop):
    loop.fitted()
    loop.clock.advance(1000)
    loop.control.device = "cuda"
    loop.control.device = "cuda"
    loop.clock.advance(1000)
    loop.executor.finish()
    assert [job.device for job in loop.jobs] == ["auto", "cuda"]


def test_imported_objects_start_a_fit(loop):
    loop.clock.advance(1000)
    loop.control.imported_objects = {2: np.ones((8, 8), bool)}
    loop.clock.advance(0)
    loop.executor.finish()
    assert list(loop.jobs[0].imported) == [2]


def test_imported_objects_belong_to_their_scribble_layer(loop):
    first = loop.control.scribble_layer
    loop.control.imported_objects = {2: np.ones((8, 8), bool)}
    loop.control.scribble_layer = Layer(np.zeros((8, 8), np.uint8))
    assert loop.control.imported_objects == {}
    loop.control.scribble_layer = first
    assert list(loop.control.imported_objects) == [2]


@pytest.mark.parametrize("drawn", [False, True])
def test_a_new_image_is_fitted_if_it_has_scribbles(loop, drawn):
    loop.control.scribble_layer.data[2, 2] = drawn
    loop.control.fit_if_possible()
    loop.clock.advance(0)
    assert loop.executor.is_idle is not drawn


def test_a_new_image_is_fitted_without_scribbles_if_there_is_a_transfer(loop):
    transfer = object()
    loop.control.transfer = lambda: transfer
    loop.control.fit_if_possible()
    loop.clock.advance(0)
    loop.executor.finish()
    assert loop.jobs[0].transfer is transfer


# --------------------------------------------------------------------------------- when it does


def test_the_first_change_after_a_pause_is_fitted_before_the_next_repaint(loop):
    loop.clock.advance(1000)
    loop.edit()
    assert loop.executor.is_idle
    loop.clock.advance(0)
    assert not loop.executor.is_idle


def test_a_stroke_that_is_drawn_already_is_fitted_at_once(loop):
    loop.clock.advance(1000)
    loop.adapter.is_painting = True
    loop.edit()
    assert not loop.executor.is_idle


def test_changes_that_follow_each_other_closely_are_fitted_once_when_they_pause(loop):
    loop.fitted()
    for _ in range(5):
        loop.edit()
        loop.clock.advance(20)
    assert len(loop.jobs) == 1
    assert loop.executor.is_idle
    loop.clock.advance(10)
    loop.executor.finish()
    assert len(loop.jobs) == 2


def test_the_pause_can_be_set(loop):
    loop.fitted()
    loop.control.scheduler.pause_ms = 500
    loop.edit()
    loop.clock.advance(499)
    assert loop.executor.is_idle
    loop.clock.advance(1)
    assert not loop.executor.is_idle


def test_the_time_of_the_request_is_that_of_the_last_change(loop):
    loop.fitted()
    loop.edit()
    loop.clock.advance(20)
    loop.edit()
    requested = loop.clock.now
    loop.clock.advance(1000)
    loop.executor.finish()
    assert loop.jobs[-1].requested_at == requested


# ------------------------------------------------------------------------------ cancellation


def test_a_stroke_during_a_fit_cancels_it_and_the_latest_one_is_fitted(loop):
    loop.draw()
    loop.executor.step()
    last = []
    for value in (1, 2, 3):
        loop.control.scribble_layer.data = np.full((8, 8), value)
        last = loop.control.scribble_layer.data
        loop.draw()
    loop.executor.finish()
    assert len(loop.jobs) == 2
    assert loop.jobs[1].scribbles is last
    assert sum(isinstance(event, FitFinished) for event in loop.presenter.events) == 1


def test_cancel_delivers_no_further_event_and_says_so(loop):
    loop.draw()
    loop.executor.step()
    loop.control.cancel()
    shown = list(loop.presenter.events)
    loop.executor.finish()
    assert loop.presenter.events == shown
    assert not loop.state.busy
    assert loop.state.message == module.CANCELLED
    assert "pending" in loop.presenter.dropped


def test_cancel_without_a_fit_says_nothing(loop):
    before = loop.state.message
    loop.control.cancel()
    assert loop.state.message == before


def test_cancel_drops_a_fit_that_is_not_started_yet(loop):
    loop.clock.advance(1000)
    loop.edit()
    loop.control.cancel()
    loop.clock.advance(1000)
    assert loop.executor.is_idle


def test_a_fit_after_a_cancelled_one_starts_warm_and_after_a_reset_from_scratch(loop):
    loop.draw()
    loop.executor.step()
    loop.control.cancel()
    loop.executor.finish()
    assert len(loop.worker.segmenters) == 1
    loop.draw()
    loop.executor.step()
    loop.control.reset()
    assert len(loop.worker.segmenters) == 2  # The thread still uses them.
    loop.executor.finish()
    assert len(loop.worker.segmenters) == 0
    assert loop.presenter.dropped[-1] == "masks"
    assert loop.control.result is None


def test_a_fit_of_a_restored_result_starts_from_it(loop):
    loop.fitted()
    first = loop.control.result
    loop.fitted()
    assert loop.jobs[-1].start_result is None
    loop.control.undo_fit()
    assert loop.control.result is first
    loop.fitted()
    assert loop.jobs[-1].start_result is first
    loop.fitted()
    assert loop.jobs[-1].start_result is None


def test_undo_and_redo_go_through_the_fits(loop):
    loop.fitted()
    loop.fitted()
    loop.control.undo_fit()
    assert loop.control.result.job is loop.jobs[0]
    loop.control.redo_fit()
    assert loop.control.result.job is loop.jobs[1]
    loop.control.redo_fit()
    assert loop.control.result.job is loop.jobs[1]


# -------------------------------------------------------------------------------------- layers


def test_removing_the_image_cancels_the_fit(loop):
    loop.draw()
    loop.executor.step()
    loop.adapter.layer_removed.emit(Layer(None))
    assert loop.control.image_layer is not None
    loop.adapter.layer_removed.emit(loop.control.image_layer)
    assert loop.control.image_layer is None
    assert not loop.state.busy
    loop.executor.finish()
    assert loop.control.result is None


def test_removing_the_scribbles_cancels_the_fit(loop):
    loop.draw()
    loop.adapter.layer_removed.emit(loop.control.scribble_layer)
    assert loop.control.scribble_layer is None
    loop.executor.finish()
    assert loop.control.result is None


def test_another_image_drops_everything_of_the_former_one(loop):
    loop.fitted()
    loop.control.initial_shapes = {2: object()}
    loop.control.image_layer = Layer(np.zeros((4, 4)))
    assert loop.presenter.dropped[-1] == "views"
    assert loop.control.result is None
    assert len(loop.presenter.history) == 0
    assert loop.control.initial_shapes == {}


def test_new_pixels_of_the_image_are_fitted_from_scratch(loop):
    loop.fitted()
    loop.clock.advance(1000)
    loop.control.image_layer.data = np.ones((8, 8), np.uint8)
    loop.adapter.image_edited.emit()
    assert len(loop.worker.segmenters) == 0
    assert len(loop.presenter.history) == 0
    loop.clock.advance(0)
    loop.executor.finish()
    assert loop.jobs[-1].image is loop.control.image_layer.data


def test_a_layer_of_the_wrong_type_is_refused(loop):
    with pytest.raises(TypeError):
        loop.control.image_layer = object()
    with pytest.raises(TypeError):
        loop.control.scribble_layer = object()


def test_the_suggestion_is_shown_where_it_is(loop):
    loop.control.show_suggestion()
    assert loop.adapter.centered == []
    loop.presenter.next_stroke = SimpleNamespace(point=(3.0, 4.0))
    loop.adapter.actions["show_suggestion"]()
    assert loop.adapter.centered == [(3.0, 4.0)]


@pytest.mark.parametrize("lazy", [False, True])
def test_the_memory_preference_holds_for_lazy_images_only(loop, lazy):
    class Lazy:
        shape, ndim, dtype = (8, 8), 2, np.dtype(np.uint8)

        def __getitem__(self, key):
            return np.zeros(self.shape, self.dtype)[key]

    loop.control.memory = 64.0
    loop.control.image_layer.data = Lazy() if lazy else np.zeros((8, 8), np.uint8)
    assert is_lazy(loop.control.image_layer.data) is lazy
    assert loop.control.make_job(live=True).memory == (64.0 if lazy else None)


# --------------------------------------------------------------------------------------- hints


def test_hints_lead_to_the_first_fit():
    loop = Loop()
    assert loop.state.message == NO_IMAGE
    loop.control.image_layer = Layer(np.zeros((8, 8), np.uint8))
    assert loop.state.message == NO_SCRIBBLES
    loop.control.new_scribbles()
    assert loop.state.message == module.READY
    loop.control.scribble_layer = Layer(np.ones((8, 8), np.uint8))
    assert loop.state.message == module.DRAWN
    assert loop.state.kind == "hint"


def test_a_fit_without_layers_is_an_error():
    loop = Loop()
    for message in (NO_IMAGE, NO_SCRIBBLES):
        loop.control.run()
        loop.clock.advance(1000)
        assert (loop.state.kind, loop.state.message) == ("error", message)
        assert loop.executor.is_idle
        loop.control.image_layer = Layer(np.zeros((8, 8), np.uint8))


def test_an_image_that_cannot_be_segmented_is_an_error(loop):
    loop.adapter.problem = "It has 5 dimensions."
    loop.control.new_scribbles()
    assert (loop.state.kind, loop.state.message) == ("error", loop.adapter.problem)
    loop.draw()
    assert loop.executor.is_idle


def test_a_fit_that_lacks_scribbles_passes_its_hint_on(loop):
    hint = FitNeedsScribbles("Draw on the background.", ())
    loop.worker.run = lambda job, segmenters: iter_of(hint)
    loop.draw()
    loop.executor.finish()
    assert loop.presenter.events == [hint]


def iter_of(*events):
    yield from events


# ----------------------------------------------------------------------------- start and end


def test_a_fit_waits_until_the_library_is_loaded():
    loop, loaded, queued = Loop(load=False).open(), [], []
    loop.control.choices_loaded.connect(loaded.append)
    loop.control.fit_started.connect(queued.append)
    loop.draw()
    assert queued == [True]
    assert loop.state.message == module.LOADING
    assert not loaded
    assert not loop.jobs
    loop.executor.step()
    assert loaded == [CHOICES]
    loop.executor.finish()
    assert len(loop.jobs) == 1


def test_a_library_that_cannot_be_loaded_is_an_error():
    loop = Loop(load=False)
    loop.choices = "The library could not be loaded (ImportError: torch)."
    loop.worker.load()
    loop.executor.finish()
    assert (loop.state.kind, loop.state.message) == ("error", loop.choices)


def test_a_closed_controller_starts_nothing_and_shows_nothing(loop):
    loop.draw()
    loop.executor.step()
    closings = []
    loop.control.closing.connect(lambda: closings.append(loop.control.image_layer is not None))
    loop.control.close()
    loop.control.close()
    shown = list(loop.presenter.events)
    loop.control.run()
    loop.edit()
    loop.clock.advance(1000)
    loop.executor.finish()
    assert closings == [True]
    assert loop.presenter.events == shown
    assert loop.adapter.closed
    assert loop.presenter.closed
    assert len(loop.worker.segmenters) == 0


def test_settings_survive_a_round_trip_as_json(loop):
    settings = loop.control.settings
    settings.own_shapes, settings.hidden, settings.names = {3: "star"}, (3,), {3: "moon"}
    stored = settings.to_dict()
    other = replace(DockModel().settings)
    other.update({**stored, "mode": 5, "unknown": 1})
    assert other.to_dict() == stored
