"""Certificates say yes to what is convex, and no to what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.certificates import (
    Certificate,
    Check,
    certify,
    convexity_defects,
    quasiconcavity_gap,
)


@given(st.integers(0, 2**31), st.sampled_from([(20, 30), (9, 10, 11)]))
def test_half_spaces_meet_in_a_convex_set(seed, shape):
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    centre = np.array(shape) / 2
    normals = rng.normal(size=(6, len(shape)))
    mask = ((points - centre) @ normals.T < rng.uniform(1, 6, 6)).all(axis=-1)
    assert not convexity_defects(mask).any()


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        (lambda m: m.__setitem__((10, 10), False), 1),
        (lambda m: m.__setitem__((slice(4, 9), 10), False), 5),
    ],
)
def test_holes_and_notches_are_counted(broken, missing):
    mask = np.zeros((20, 20), bool)
    mask[4:16, 4:16] = True
    broken(mask)
    assert convexity_defects(mask).sum() == missing
    certificate = certify("convex", "promised", mask)
    assert not certificate.holds
    assert "not convex" in certificate.message
    assert certificate.to_dict()["holds"] is False


def test_two_pieces_and_nothing_at_all_are_refused():
    mask = np.zeros((9, 9), bool)
    assert not certify("convex", "promised", mask).holds
    mask[2, 2] = True
    assert certify("convex", "promised", mask).holds
    mask[2, 6] = True
    assert not certify("convex", "promised", mask).holds


def test_a_function_that_is_not_convex_is_refused():
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True

    def ring(points):
        radius = np.linalg.norm(points - 15, axis=1)
        return 12 - np.abs(radius - 8)

    def cone(points):
        return 14 - np.linalg.norm(points - 15, axis=1)

    assert quasiconcavity_gap(ring, mask) > 0.01
    assert not certify("convex", "promised", mask, ring).holds
    assert quasiconcavity_gap(cone, mask) < 1e-12
    assert certify("convex", "promised", mask, cone).holds


def test_nan_never_holds():
    assert not Check(name="x", value=float("nan"), limit=1).passed


def test_without_a_shape_nothing_is_promised():
    certificate = certify("none", None, np.zeros((3, 3), bool))
    assert certificate == Certificate(property="none")
    assert "nothing is promised" in certificate.message


def test_unknown_property():
    with pytest.raises(KeyError):
        certify("fractal", None, np.zeros((3, 3), bool))
