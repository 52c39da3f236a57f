"""Parts that need no viewer."""

import subprocess
import sys

import numpy as np
import pytest

from napari_isr.gui.fitting.events import FitContour, FitFailed, FitFinished, FitNeedsScribbles
from napari_isr.gui.fitting.job import FitJob, SegmenterCache
from napari_isr.gui.fitting.run_job import run_job
from napari_isr.gui.layers.contour_layer import polyline_mesh
from napari_isr.gui.models import DockSettings, DockState, ObjectRow
from napari_isr.gui.scribbles.change_detector import array_checksum

SQUARE = np.array([[0, 0], [0, 10], [10, 10], [10, 0], [0, 0]], float)


def test_a_ribbon_has_its_width_all_around():
    vertices, faces, values = polyline_mesh([SQUARE], [(1.0, [1.0])], 0.5)
    assert vertices.shape == (16, 2)
    assert faces.shape == (24, 3)
    assert faces.max() == 15
    opaque = vertices[values == 1].reshape(4, 2, 2)
    across = np.linalg.norm(opaque[:, 0] - opaque[:, 1], axis=1)
    np.testing.assert_allclose(across, 2 * np.sqrt(2), rtol=1e-5)  # mitred corners
    area = triangle_areas(vertices, faces).sum()
    np.testing.assert_allclose(area, 13**2 - 7**2, rtol=1e-5)


def triangle_areas(vertices, faces):
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    (p, q), (r, t) = (b - a).T, (c - a).T
    return np.abs(p * t - q * r) / 2


def test_ribbons_of_several_lines_do_not_touch_each_other():
    lines = [SQUARE, np.zeros((0, 2)), SQUARE + 100]
    vertices, faces, values = polyline_mesh(lines, [(2.0, [1, 1, 1]), (1.0, [3, 3, 5])], 0.5)
    assert triangle_areas(vertices, faces).max() < 100
    assert set(values) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("lines", [[], [np.zeros((0, 2))], [np.ones((5, 2))]])
def test_a_ribbon_of_nothing_is_empty(lines):
    assert [len(part) for part in polyline_mesh(lines, [(1.0, [1.0] * len(lines))], 0.5)] == [
        0,
        0,
        0,
    ]


def test_a_digest_tells_arrays_apart():
    zeros = np.zeros((6, 8), np.uint8)
    one = zeros.copy()
    one[3, 4] = 1
    assert array_checksum(zeros) == array_checksum(zeros.copy()) != array_checksum(one)
    assert array_checksum(zeros) != array_checksum(zeros.T)
    assert array_checksum(zeros.T) == array_checksum(np.ascontiguousarray(zeros.T))
    assert array_checksum(zeros[:0]) == array_checksum(zeros[:0])


def test_state_and_settings_tell_once_when_they_change():
    settings, told = DockSettings(), []
    settings.events.shape.connect(lambda value: told.append(value))
    settings.shape = "none"
    settings.shape = "none"
    assert told == ["none"]


@pytest.mark.parametrize(
    ("rows", "holds", "word"),
    [
        ((), None, ""),
        ((ObjectRow(2, 5),), None, ""),
        ((ObjectRow(2, 5, "none", 9, None, "nothing is promised"),), None, "nothing"),
        (
            (ObjectRow(2, 5, "convex", 9, True, "convex, by construction"),),
            True,
            "object 2: convex",
        ),
        (
            (ObjectRow(2, 5, "convex", 9, True, "a"), ObjectRow(3, 5, "convex", 9, True, "b")),
            True,
            "2 objects",
        ),
        (
            (ObjectRow(2, 5, "convex", 9, True, "a"), ObjectRow(3, 5, "convex", 9, False, "b")),
            False,
            "3: b",
        ),
    ],
)
def test_certificates_are_summed_up(rows, holds, word):
    found, sentence = DockState(rows=rows).certificate
    assert found is holds
    assert word in sentence


def job(disc, strokes, **changes):
    return FitJob(disc, (1.0, 1.0), strokes, **changes)


def test_a_fit_gives_outlines_and_masks(disc, strokes):
    news = list(run_job(job(disc, strokes), SegmenterCache()))
    kinds = [n.kind for n in news if isinstance(n, FitContour)]
    assert kinds == ["predictor", "shape"]
    assert isinstance(news[-1], FitFinished)
    assert news[-1].rows[0].holds
    assert news[-1].isr.dtype == np.uint8


def test_fits_of_one_image_share_a_segmenter(disc, strokes):
    segmenters = SegmenterCache(max_segmenters=2)
    first = segmenters.get(job(disc, strokes))
    assert segmenters.get(job(disc, strokes, shape="none")) is first
    assert segmenters.get(job(disc, strokes, features="rgb")) is not first
    assert segmenters.get(job(disc.copy(), strokes)) is not first
    assert segmenters.get(job(disc, strokes)) is not first  # dropped: only two are kept


def test_missing_strokes_are_told(disc, strokes):
    empty = np.zeros_like(strokes)
    for drawn, word in ((empty, "object"), (np.minimum(strokes, 1), "object")):
        (hint,) = run_job(job(disc, drawn), SegmenterCache())
        assert isinstance(hint, FitNeedsScribbles)
        assert word in hint.message
    *_, last = run_job(job(disc, empty, live=False), SegmenterCache())
    assert isinstance(last, FitFailed)


@pytest.mark.parametrize("bad", [np.full((96, 96), np.nan), np.zeros((96, 96), complex)])
def test_a_bad_image_is_one_sentence(bad, strokes):
    *_, last = run_job(job(bad, strokes), SegmenterCache())
    assert isinstance(last, FitFailed)
    assert last.message.count("\n") == 0


def test_the_dock_is_imported_without_torch():
    code = (
        "import sys, napari_isr.gui.dock_widget, napari_isr.gui.sample_data;"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
