"""Joint mode in the dock, what can be chosen, and features that are kept."""

import threading
from itertools import pairwise

import numpy as np
import pytest

from napari_isr.config import MODES
from napari_isr.features import default_folder, parse_features
from napari_isr.features.cache import FeatureCache
from napari_isr.features.semantic import Semantic
from napari_isr.fitting.joint_coupling import TURNS
from napari_isr.gui.fitting.events import FitContour, FitFailed, FitFinished, FitProgress
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.fitting.run_job import run_job
from napari_isr.gui.fitting.worker import AvailableChoices, fit_small_disc
from napari_isr.predictors import resolve_predictor_name
from napari_isr.segmentation.segmenter import Segmenter

WAIT = 30_000


@pytest.fixture
def joint(quick):
    """A dock in joint mode that waits for strokes."""
    viewer, dock = quick
    dock.live = False
    dock.features, dock.mode, dock.shape = "rgb", "joint", "convex"
    dock.live = True
    return viewer, dock


def job(disc, strokes, **changes):
    return FitJob(disc, (1.0, 1.0), strokes, **changes)


def test_joint_settles_and_its_bar_never_goes_back(joint, qtbot):
    viewer, dock = joint
    dock.controller.worker.progress_interval = 0.0  # A quick fit reports no progress otherwise.
    shares, drawn = [], []
    dock.controller.state.events.progress.connect(shares.append)
    dock.controller.presenter.updated.connect(drawn.append)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()
    assert shares.pop() == 0  # the bar is emptied at the end
    falls = [after for before, after in pairwise(shares) if after < before]
    assert not any(falls)  # only to zero, where another fit begins: live mode may have begun one
    assert shares[-1] == 1
    assert set.union(*drawn) == {("predictor", 2), ("shape", 2)}
    assert dock.result.objects[2].certificate.holds
    contours = viewer.layers["disc [outlines]"].metadata["contours"]
    assert set(contours) == {("predictor", 2), ("shape", 2)}


def test_joint_tells_a_first_answer_and_then_better_ones(disc, strokes):
    news = list(run_job(job(disc, strokes, mode="joint", features="rgb"), SegmenterCache()))
    kinds = [n.kind for n in news if isinstance(n, FitContour)]
    assert kinds == ["predictor", "shape"] * (1 + TURNS)
    told = [n.message for n in news if isinstance(n, FitProgress) and n.message]
    first = told.index("Refining predictor and shape")
    assert "Fitting the shape" in told[:first]
    assert set(told[first:]) == {"Refining predictor and shape", "Drawing the mask", "Done"}
    shares = [n.progress for n in news if isinstance(n, FitProgress) and n.message]
    assert shares == sorted(shares)


def test_two_objects_in_turn_are_no_refinement(disc, strokes):
    strokes[12:15, 60:90] = 3
    told = [
        n.message
        for n in run_job(job(disc, strokes, features="rgb"), SegmenterCache())
        if isinstance(n, FitProgress)
    ]
    assert "Refining predictor and shape" not in told


def test_a_stroke_during_a_joint_fit_is_not_lost(joint, strokes, qtbot):
    _, dock = joint
    refining = threading.Event()
    dock.controller.presenter.updated.connect(lambda kinds: refining.set())
    dock.run()
    qtbot.waitUntil(refining.is_set, timeout=WAIT)
    for row in range(50, 56):
        strokes[row, 40:60] = 2
        dock.scribble_layer.data = strokes.copy()
        qtbot.wait(15)
    # The table counts strokes as a fit begins; the result knows those that were fitted.
    qtbot.waitUntil(
        lambda: (55, 50) in {tuple(p) for p in dock.result.objects[2].drawn.tolist()},
        timeout=WAIT,
    )
    assert dock.controller.state.rows[0].strokes == np.count_nonzero(strokes == 2)


def test_cancel_in_a_joint_fit_stops_within_a_few_steps(joint, qtbot, monkeypatch):
    _, dock = joint
    steps, run = [], Segmenter.run

    def counted(self, *arguments, **options):
        for update in run(self, *arguments, **options):
            steps.append(update)
            yield update

    monkeypatch.setattr(Segmenter, "run", counted)
    cancelled = []

    def cancel(kinds):
        dock.cancel()
        cancelled.append(len(steps))

    dock.controller.presenter.updated.connect(cancel)
    dock.run()
    qtbot.waitUntil(lambda: len(cancelled) > 0, timeout=WAIT)
    qtbot.waitUntil(lambda: not dock.controller.worker.busy, timeout=WAIT)
    assert len(steps) - cancelled[0] <= 2  # the one at work, and the one that it then asks of
    assert steps[-1].stage != "done"
    assert not dock.controller.state.busy
    dock.controller.presenter.updated.disconnect(cancel)
    with qtbot.waitSignal(dock.settled, timeout=WAIT):
        dock.run()


def test_all_that_can_be_chosen_is_known_to_the_library():
    names = AvailableChoices.load()
    assert names.modes == MODES
    for predictor in names.predictors:
        resolve_predictor_name(predictor)
    assert len(set(names.features)) == len(names.features)
    assert {"auto", "rgb", "semantic", "nearness", "rgb,semantic,nearness"} <= set(names.features)
    for features in names.features:
        assert features == "auto" or ",".join(parse_features(features)) == features
        assert "dino" not in features  # needs a file


def test_choices_reach_the_dock(ready):
    _, dock = ready
    for box, words in (
        (dock.modes, ("auto", "sequential", "joint")),
        (dock.predictors, ("auto", "linear", "fcn")),
        (dock.blocks, ("auto", "rgb,semantic")),
    ):
        assert all(box.findText(word) >= 0 for word in words)


@pytest.mark.parametrize("features", ["nearness", "rgb,spatial,semantic,nearness"])
def test_any_choice_of_features_fits(disc, strokes, features):
    *_, last = run_job(job(disc, strokes, features=features), SegmenterCache())
    assert isinstance(last, FitFinished)


def test_an_image_that_was_open_before_needs_no_network(disc, strokes, monkeypatch):
    *_, last = run_job(job(disc, strokes), SegmenterCache())
    assert isinstance(last, FitFinished)
    assert list(default_folder().glob("*.npz"))

    def network(*_):
        raise AssertionError("the network was asked again")

    monkeypatch.setattr(Semantic, "compute_scales", network)
    *_, again = run_job(job(disc.copy(), strokes), SegmenterCache())
    assert isinstance(again, FitFinished)
    np.testing.assert_array_equal(again.isr, last.isr)
    *_, other = run_job(job(255 - disc, strokes), SegmenterCache())
    assert isinstance(other, FitFailed)


def test_all_segmenters_of_a_dock_share_one_cache(disc, strokes, tmp_path):
    cache = FeatureCache(tmp_path / "kept")
    segmenters = SegmenterCache(cache=cache)
    first, second = (segmenters.get(job(disc, strokes, features=f)) for f in ("rgb", "semantic"))
    assert first.cache is second.cache is cache
    own = SegmenterCache()
    assert own.get(job(disc, strokes)).cache.folder == default_folder()


def test_the_rehearsal_leaves_nothing_behind():
    fit_small_disc()
    assert not default_folder().exists()
