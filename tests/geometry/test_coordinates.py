"""Further coordinates: where pixels lie with them, what is fitted there, and what is certified."""

from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr.certificates import certify_coordinates
from napari_isr.certificates.convex_hull import hull_candidates, points_in_convex_hull
from napari_isr.cli.app import main
from napari_isr.cli.parsing import read_coordinates
from napari_isr.errors import InputError
from napari_isr.geometry.coordinates import (
    MOST_KEPT,
    CoordinateGeometry,
    CoordinateMap,
    with_coordinates,
)
from napari_isr.geometry.image import ImageGeometry, meshgrid_points
from napari_isr.results.object_result import iou
from napari_isr.scribble_conflicts import find_conflict
from napari_isr.scribbles import Scribbles

ROWS, COLUMNS = np.mgrid[:60, :90].astype(float)
FLOOR = ROWS * 0.8  # nearer at the bottom
BOX = (slice(10, 40), slice(35, 55))  # stands on the floor, nearer than what is behind it
DEPTH = np.where((ROWS >= 10) & (ROWS < 40) & (COLUMNS >= 35) & (COLUMNS < 55), 45.0, FLOOR)
TRUTH = DEPTH == FLOOR


def pixel_centres(frame):
    return meshgrid_points([np.arange(n, dtype=float) for n in frame.shape])


def test_a_pixel_lies_at_its_place_and_the_value_of_the_map_between_pixels_linearly():
    frame = with_coordinates(ImageGeometry((60, 90)), {"depth": DEPTH})
    assert (frame.ndim, frame.n_coordinates, frame.space) == (2, 3, "(row, column, depth)")
    flat = ImageGeometry((60, 90))
    points = np.random.default_rng(0).uniform(0, [9, 34], (50, 2))
    found = frame.to_normalized(points)
    assert np.allclose(found[:, :2], flat.to_normalized(points))
    middle, half = frame.coordinates[0].value_range
    assert np.allclose(found[:, 2] * half + middle, 0.8 * points[:, 0], atol=1e-5)
    assert np.allclose(frame.to_normalized(torch.from_numpy(points)).numpy(), found)
    assert np.allclose(frame.to_pixels(found), points)


def test_a_coarser_raster_of_the_same_area_sees_the_same_map():
    frame = with_coordinates(ImageGeometry((60, 90)), {"depth": FLOOR})
    coarse = frame.downsampled(500)
    assert isinstance(coarse, CoordinateGeometry)
    assert coarse.shape != frame.shape
    place = np.array([[0.3, 0.4]]) * coarse.shape
    same = (place + 0.5) * np.array(frame.shape) / coarse.shape - 0.5
    assert np.allclose(coarse.to_normalized(place), frame.to_normalized(same), atol=1e-6)


def test_the_weight_stretches_the_map_and_everything_stays_in_reach():
    for weight in (0.25, 1.0, 4.0):
        frame = with_coordinates(ImageGeometry((60, 90)), {"depth": CoordinateMap(FLOOR, weight)})
        every = frame.to_normalized(pixel_centres(frame))
        low, high = np.percentile(every[:, 2], (2, 98))
        across = np.ptp(every[:, 1]) * 90 / 89
        assert np.isclose(high - low, weight * across, rtol=0.01)
        assert np.linalg.norm(every, axis=1).max() < 2.1


def test_missing_values_are_those_of_the_nearest_pixel_and_wild_ones_are_cut():
    holes = DEPTH.copy()
    holes[20, 40:50], holes[5, 5], holes[50, 80] = np.nan, np.inf, 1e9
    known = CoordinateMap(holes)
    assert np.allclose(known.filled_values[20, 40:50], 45)
    assert known.filled_values[5, 5] in (3.2, 4.0, 4.8)
    assert float(known.normalized_values.abs().max()) == 1.5


def test_a_map_that_is_not_in_memory_is_read_in_parts_and_kept_coarser():
    rows, columns = 3000, 2400
    read = []

    def block(where, block_info=None):
        top = block_info[0]["array-location"][0][0]
        read.append(where.size)
        return np.arange(top, top + len(where), dtype=np.float32)[:, None] + where

    zeros, meta = da.zeros((rows, columns), chunks=500, dtype=np.float32), np.zeros((0, 0), "f4")
    lazy = zeros.map_blocks(block, dtype=np.float32, meta=meta)
    read.clear()
    frame = with_coordinates(ImageGeometry((rows, columns)), {"depth": lazy})
    kept = frame.coordinates[0]
    assert kept.shape == (rows, columns)
    assert kept.values.size <= 1.05 * MOST_KEPT
    assert max(read) <= 500 * 500
    assert sum(read) == rows * columns
    points = np.array([[100.0, 7.0], [2500.0, 2000.0]])
    depth = [
        frame.extra_coordinates_of(torch.from_numpy(p))["depth"]
        for p in frame.to_normalized(points)
    ]
    assert depth == pytest.approx([100, 2500], abs=1)


def test_coordinates_of_a_point_are_read_back():
    frame = with_coordinates(ImageGeometry((60, 90), (2, 1)), {"depth": CoordinateMap(DEPTH, 3.0)})
    point = frame.to_normalized(np.array([[30.0, 40.0]]))[0]
    assert np.allclose(frame.to_normalized_point([30, 40], {"depth": 45}), point, atol=1e-6)
    assert np.isclose(frame.extra_coordinates_of(torch.from_numpy(point))["depth"], 45, atol=1e-4)


@pytest.mark.parametrize(("shape", "least"), [("convex", 0.97), ("star", 0.92)])
def test_a_floor_behind_a_box_is_found_and_certified_in_depth_only(shape, least):
    noisy = np.where(TRUTH, 0.8, 0.2) + np.random.default_rng(0).normal(0, 0.1, TRUTH.shape)
    noisy[:10, :30] = 0.3  # a shadow, which a star may leave out
    result = isr.project(noisy.clip(0, 1), shape, coordinates={"depth": DEPTH})
    found = result.certificate
    assert iou(result.mask, TRUTH) > least
    assert found.holds
    assert found.space == "(row, column, depth)"
    assert "not in the image" in found.message
    assert not result.mask[BOX].any()
    assert result.mask[[8, 45], 45].all()
    assert not isr.certificates.certify("convex", None, result.mask).holds


def test_segment_and_render_at_four_times_the_resolution():
    image = (40 + DEPTH * 2 + np.random.default_rng(0).normal(0, 2, DEPTH.shape)).astype(np.uint8)
    strokes = np.zeros(DEPTH.shape, np.uint8)
    strokes[5, 5:85] = strokes[50, 5:85] = strokes[10:50, 8] = 2
    strokes[12:38, 45] = 1
    item = isr.segment(image, strokes, coordinates={"depth": DEPTH}).objects[2]
    assert item.conflict is None
    assert item.certificate.holds
    assert iou(item.mask, TRUTH) > 0.97
    fine = item.render(4)
    assert fine.shape == (240, 360)
    assert iou(fine, np.kron(TRUTH, np.ones((4, 4), bool))) > 0.95
    assert len(item.contours()) >= 2  # around the floor, and around the box in it


def test_the_certificate_can_say_no():
    frame = with_coordinates(ImageGeometry((60, 90)), {"depth": DEPTH})
    points = frame.to_normalized(pixel_centres(frame))

    def logit(where):
        return 10 - np.linalg.norm(where, axis=1)

    whole = np.ones(DEPTH.shape, bool)
    assert certify_coordinates("convex", "so", frame.space, whole, points, logit).holds
    broken = whole.copy()
    broken[50, 40:50] = False
    for name in ("convex", "star"):
        refused = certify_coordinates(
            name, "so", frame.space, broken, points, logit, points[0] if name == "star" else None
        )
        assert not refused.holds
        assert "not in the image" not in refused.message
    hull = certify_coordinates("convex", "so", "", broken, points, logit).checked
    assert any("hull" in c.name and c.value == 10 for c in hull)
    assert not certify_coordinates("convex", "so", "", ~whole, points, logit).holds


def test_a_star_that_comes_back_along_a_ray_is_refused():
    points = meshgrid_points([np.arange(40.0)] * 2)
    points = np.c_[points, points[:, 0]] / 20 - 1

    def ring(where):
        return 0.1 - np.abs(np.linalg.norm(where, axis=1) - 0.6)

    mask = (ring(points) > 0).reshape(40, 40)
    found = certify_coordinates("star", "so", "", mask, points, ring, np.zeros(3))
    failed = {c.name for c in found.checked if not c.passed}
    assert failed == {"mask pixels hidden from the centre", "rays from the centre that re-enter"}


def test_the_hull_of_points_in_a_plane_or_on_a_line_is_looked_at_within_it():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(200, 2))
    plane = np.c_[flat, flat @ [1.0, -2.0]]
    inside = plane[:50].mean(0)
    queries = np.stack([inside, inside + np.eye(3)[2] / 1e3, plane[0], 100 * plane[0]])
    assert points_in_convex_hull(plane, queries).tolist() == [True, False, True, False]
    line = np.outer(np.linspace(0, 1, 9), [1.0, 2, 3])
    assert points_in_convex_hull(line, np.array([[0.5, 1, 1.5], [2, 4, 6.0]])).tolist() == [
        True,
        False,
    ]
    assert points_in_convex_hull(line[:1], line[:2]).tolist() == [True, False]


def test_corners_by_slice_keeps_the_hull():
    points = np.random.default_rng(0).integers(0, 9, (400, 3)).astype(float)
    few = hull_candidates(points)
    queries = np.random.default_rng(1).uniform(-1, 10, (500, 3))
    assert len(few) < len(points)
    assert (points_in_convex_hull(few, queries) == points_in_convex_hull(points, queries)).all()


def test_strokes_conflict_in_depth_where_they_do_and_not_where_the_image_says_so():
    strokes = np.zeros(DEPTH.shape, np.uint8)
    strokes[5, 5:85] = strokes[50, 5:85] = 2
    strokes[25, 40:50] = 1  # on the box, between the strokes in the image
    read, frame = (
        Scribbles.from_label_image(strokes),
        with_coordinates(ImageGeometry(DEPTH.shape), {"depth": DEPTH}),
    )
    assert find_conflict(read, 2, "convex") is not None
    assert find_conflict(read, 2, "convex", frame=frame) is None
    strokes[30, 10:20] = 1  # on the floor
    conflict = find_conflict(Scribbles.from_label_image(strokes), 2, "convex", frame=frame)
    assert conflict is not None
    assert set(conflict.pixels[:, 0]) == {30}


@pytest.mark.parametrize(
    ("coordinates", "words"),
    [
        ({"depth": np.zeros((3, 3))}, "has the size"),
        ({"depth": np.full((60, 90), np.nan)}, "no finite value"),
        ({"depth": np.full((60, 90), "a")}, "real numbers"),
        ({"row": DEPTH}, "cannot be called"),
        (dict.fromkeys("abcd", DEPTH), "at most 3"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(coordinates, words):
    with pytest.raises(InputError, match=words):
        isr.project(TRUTH, coordinates=coordinates)


def test_other_shapes_are_refused_and_so_is_a_weight_of_zero():
    with pytest.raises(InputError, match="choose convex or star"):
        isr.project(TRUTH, "mirror", coordinates={"depth": DEPTH})
    with pytest.raises(InputError, match="positive"):
        CoordinateMap(DEPTH, 0)


def test_the_command_line_reads_maps_by_name_with_weight_and_unit(tmp_path):
    np.save(tmp_path / "depth.npy", DEPTH)
    path = tmp_path / "depth.npy"
    read = read_coordinates([f"depth={path}", f"height:2:mm={path}"])
    assert (read["depth"].weight, read["height"].weight, read["height"].unit) == (1, 2, "mm")
    for text in ("depth", f"={path}", f"depth:x={path}", f"depth:1:m:2={path}", "depth="):
        with pytest.raises(InputError, match="write NAME=FILE"):
            read_coordinates([text])
    with pytest.raises(InputError, match="twice"):
        read_coordinates([f"depth={path}"] * 2)


def test_the_command_line_certifies_in_the_lifted_space(tmp_path):
    np.save(tmp_path / "depth.npy", DEPTH)
    np.save(tmp_path / "floor.npy", TRUTH)
    out, report = tmp_path / "out.png", tmp_path / "report.json"
    depth = f"depth={tmp_path / 'depth.npy'}"
    words = ["project", str(tmp_path / "floor.npy"), "-o", str(out), "--report", str(report)]
    with pytest.raises(SystemExit) as status:
        main([*words, "--coordinate", depth])
    assert status.value.code in (0, None)
    found = json.loads(report.read_text())["objects"]["2"]["certificate"]
    assert found["holds"]
    assert found["space"] == "(row, column, depth)"
    with pytest.raises(SystemExit) as status:
        main([*words, "--shape", "mirror", "--coordinate", depth])
    assert status.value.code == 2
