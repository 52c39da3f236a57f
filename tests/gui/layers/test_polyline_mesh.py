"""Vertices that nobody sees are left out; what is seen stays."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import points_in_poly

from napari_isr.gui.layers.contour_layer import simplify_polyline

TOLERANCE = 0.2


def circle(count: int, radius: float = 100.0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, count + 1)
    turn[-1] = 0
    return radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)


@pytest.mark.parametrize("count", [255, 256, 1000])
def test_a_circle_stays_a_circle_with_fewer_vertices(count):
    line = circle(count)
    thinned = simplify_polyline(line, TOLERANCE)
    assert len(thinned) < count / 3
    assert (thinned[0] == thinned[-1]).all()
    sagitta = 100 - np.linalg.norm((thinned[1:] + thinned[:-1]) / 2, axis=1)
    assert sagitta.max() < 1.4 * TOLERANCE
    assert {tuple(x) for x in thinned} <= {tuple(x) for x in line}


def test_corners_and_spikes_stay():
    rows = np.array([0, 0, 0, 5, 10, 10, 10, 5])
    square = np.stack([rows, np.roll(rows, -2)], axis=1)[[*range(8), 0]]
    assert len(simplify_polyline(square.astype(float), TOLERANCE)) == 5
    spike = np.array([(0, 0), (0, 5), (0, 9), (0, 5), (5, 5), (5, 0), (0, 0)], float)
    assert (0, 9) in {tuple(x) for x in simplify_polyline(spike, TOLERANCE)}


def test_a_short_line_is_left_alone():
    line = np.array([(0, 0), (0, 1), (1, 1), (0, 0)], float)
    assert simplify_polyline(line, 10.0) is line


def test_a_ragged_line_loses_no_area_that_is_seen():
    rng = np.random.default_rng(0)
    line = circle(400) * (1 + 0.02 * rng.standard_normal((401, 1)))
    line[-1] = line[0]
    where = rng.uniform(-110, 110, (4000, 2))
    changed = points_in_poly(where, line) != points_in_poly(
        where, simplify_polyline(line, TOLERANCE)
    )
    assert changed.mean() < 0.002
