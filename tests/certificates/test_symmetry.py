"""The checks of stars and symmetries say yes to what is, and no to what is nearly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from napari_isr.certificates.star import check_star
from napari_isr.certificates.symmetry import (
    check_mirror,
    check_periodic,
    check_rotational,
)

SHAPE = (90, 120)
CENTRE = np.array([44.3, 57.8])
DEGREES = 25.0
LATTICE = np.array([[17.2, 1.5], [-3.1, 19.4]])
HORIZON = np.array([0.001, -0.0015])


def star(points, dent=0.0):
    """Five arms; a dent makes rays enter twice."""
    offset = points - CENTRE
    radius = np.hypot(*offset.T)
    angle = np.arctan2(offset[:, 0], offset[:, 1])
    gap = dent * np.exp(-((radius - 15) ** 2) / 8 - (angle - 0.3) ** 2 / 0.1)
    return 25 * (1 + 0.3 * np.cos(5 * angle)) - radius - gap


def mirror(points, skew=0.0):
    turn = math.radians(DEGREES)
    offset = points - CENTRE
    along = offset @ [math.sin(turn), math.cos(turn)]
    across = offset @ [math.cos(turn), -math.sin(turn)] + skew * along
    return 20 - np.abs(np.abs(across) - 14) - 0.5 * np.abs(along - 4)


def rotational(points, order=3, bulge=0.0):
    offset = points - CENTRE
    angle = np.arctan2(offset[:, 0], offset[:, 1])
    return 24 + 5 * np.sin(order * angle) + bulge * np.cos(angle) - np.hypot(*offset.T)


def periodic(points, drift=0.0, horizon=None):
    if horizon is not None:
        offset = points - CENTRE
        points = offset / (1 + offset @ horizon)[:, None]
    place = points @ np.linalg.inv(LATTICE)
    place = place + drift * place**2
    return np.cos(2 * np.pi * place).sum(1) - 0.6


AXIS = {"axis_point": CENTRE.tolist(), "axis_degrees": DEGREES}
TURN = {"centre": CENTRE.tolist(), "order": 3}
STEPS = {"lattice": LATTICE.tolist()}
PLANE = {**STEPS, "horizon": HORIZON.tolist(), "origin": CENTRE.tolist()}
CASES = {
    "star": (check_star, star, {"centre": CENTRE.tolist()}),
    "mirror": (check_mirror, mirror, AXIS),
    "rotational": (check_rotational, rotational, TURN),
    "periodic": (check_periodic, periodic, STEPS),
    "perspective": (check_periodic, lambda p: periodic(p, horizon=HORIZON), PLANE),
}


def mask_of(logit):
    pixels = np.argwhere(np.ones(SHAPE, dtype=bool)).astype(float)
    return (logit(pixels) > 0).reshape(SHAPE)


def failed(checks):
    return [check.name for check in checks if not check.passed]


@pytest.mark.parametrize("name", CASES)
def test_what_is_true_is_certified(name):
    check, logit, parameters = CASES[name]
    mask = mask_of(logit)
    assert 0.05 < mask.mean() < 0.6
    assert failed(check(mask, logit, parameters)) == []
    assert failed(check(mask, None, parameters)) == []


@pytest.mark.parametrize("name", CASES)
def test_an_empty_and_a_full_mask_are_no_trouble(name):
    check, _, parameters = CASES[name]
    for mask in (np.zeros(SHAPE, dtype=bool), np.ones(SHAPE, dtype=bool)):
        assert failed(check(mask, None, parameters)) == []


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("star", lambda p: star(p, dent=30.0)),
        ("mirror", lambda p: mirror(p, skew=0.002)),
        ("rotational", lambda p: rotational(p, bulge=0.02)),
        ("periodic", lambda p: periodic(p, drift=1e-4)),
        ("periodic", lambda p: periodic(p, horizon=0.02 * HORIZON)),
        ("perspective", lambda p: periodic(p, horizon=1.02 * HORIZON)),
    ],
)
def test_a_broken_function_is_found_with_its_own_mask(name, broken):
    check, _, parameters = CASES[name]
    assert failed(check(mask_of(broken), broken, parameters))


@pytest.mark.parametrize("name", CASES)
def test_a_mask_that_is_not_the_functions_is_found(name):
    check, logit, parameters = CASES[name]
    mask = mask_of(logit)
    row, column = np.argwhere(mask)[mask.sum() // 2]
    holed = mask.copy()
    holed[row, column] = False
    assert "pixels at which mask and function differ" in failed(check(holed, logit, parameters))


@pytest.mark.parametrize("name", ["mirror", "rotational", "periodic", "perspective"])
def test_a_broken_mask_is_found_without_a_function(name):
    check, logit, parameters = CASES[name]
    mask = mask_of(logit)
    extra = mask.copy()
    extra[40:46, 2:9] |= True
    assert failed(check(extra, None, parameters))
    # One pixel next to the boundary may be rounding; a hole in the inside may not.
    holed = mask.copy()
    depth = distance_transform_edt(mask)
    depth[:, :60] = 0
    deepest = np.array(np.unravel_index(depth.argmax(), SHAPE))
    holed[np.hypot(*(np.indices(SHAPE).T - deepest).T) < 3] = False
    assert failed(check(holed, None, parameters))


def test_a_star_mask_with_an_island_is_found_without_a_function():
    mask = mask_of(star)
    mask[5:9, 100:104] = True
    assert failed(check_star(mask, None, {"centre": CENTRE.tolist()})) == ["segments with a gap"]


def test_a_star_seen_from_another_centre_is_none():
    assert failed(check_star(mask_of(star), star, {"centre": [44.3, 78.0]}))


@pytest.mark.parametrize(
    "parameters", [{**AXIS, "axis_degrees": DEGREES + 1}, {**AXIS, "axis_point": [46.3, 57.8]}]
)
def test_another_axis_than_the_claimed_one_is_found(parameters):
    assert failed(check_mirror(mask_of(mirror), mirror, parameters))


def test_another_order_and_centre_are_found():
    mask = mask_of(rotational)
    assert failed(check_rotational(mask, rotational, {**TURN, "order": 4}))
    assert failed(check_rotational(mask, rotational, {**TURN, "centre": [45.3, 57.8]}))


def test_spacing_counts():
    spacing = np.array([2.0, 1.0])

    def stretched(points):
        return rotational(CENTRE + (points - CENTRE) * spacing)

    mask = mask_of(stretched)
    assert failed(check_rotational(mask, stretched, TURN))
    assert failed(check_rotational(mask, stretched, {**TURN, "spacing": [2.0, 1.0]})) == []


def test_a_plane_in_space():
    normal = np.array([0.6, 0.0, 0.8])

    def logit(points):
        offset = points - [9.0, 12.0, 11.0]
        return 5.01 - np.abs(np.abs(offset @ normal) - 3) - 0.4 * np.abs(offset[:, 1] - 1)

    pixels = np.argwhere(np.ones((20, 24, 22), dtype=bool)).astype(float)
    mask = (logit(pixels) > 0).reshape(20, 24, 22)
    found = {"plane_point": [9.0, 12.0, 11.0], "normal": normal.tolist()}
    assert failed(check_mirror(mask, logit, found)) == []
    assert failed(check_mirror(mask, logit, {**found, "normal": [0.62, 0.0, 0.78]}))
