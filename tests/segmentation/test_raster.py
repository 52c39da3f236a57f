"""Results of a large image on a coarser raster of the same area."""

import numpy as np
import pytest

from napari_isr.geometry.image import ImageGeometry
from napari_isr.scribbles import STRIP, Scribbles
from napari_isr.segmentation.segmenter import Segmenter


@pytest.mark.parametrize("shape", [(900, 1200), (333, 77), (40, 30, 50)])
def test_a_coarser_frame_covers_the_same_area(shape):
    spacing = tuple(1.0 + 0.5 * i for i in range(len(shape)))
    frame = ImageGeometry(shape, spacing)
    coarse = frame.downsampled(2000)
    assert np.prod(coarse.shape) == pytest.approx(2000, rel=0.15)
    for ends in (np.full((1, len(shape)), -0.5), np.array([shape]) - 0.5):
        there = coarse.to_pixels(frame.to_normalized(ends))
        np.testing.assert_allclose(
            there, ends if ends[0, 0] < 0 else [np.array(coarse.shape) - 0.5]
        )
    assert frame.downsampled(None) is frame
    assert frame.downsampled(int(np.prod(shape))) is frame


@pytest.fixture(scope="module")
def both():
    rows, columns = np.ogrid[:240, :300]
    image = np.where(np.hypot(rows - 120, columns - 140) < 70, 200, 40).astype(np.uint8)
    strokes = np.zeros((240, 300), np.uint8)
    strokes[118:124, 100:180] = 2
    strokes[10:16, 10:290] = strokes[226:232, 10:290] = 1
    found = []
    for most in (None, 5000):
        segmenter = Segmenter(image, features="rgb,nearness", most_pixels=most)
        shares = [update.progress for update in segmenter.run(strokes, "rotational:order=4")]
        assert shares == sorted(shares)
        found.append(segmenter.result)
    return found


def test_masks_are_coarse_and_numbers_are_not(both):
    fine, coarse = (result.objects[2] for result in both)
    assert coarse.mask.shape == (63, 79) == coarse.probability.shape
    assert coarse.certificate.holds
    assert coarse.area == pytest.approx(fine.area, rel=0.02)
    np.testing.assert_allclose(coarse.parameters["centre"], fine.parameters["centre"], atol=0.01)


def test_export_has_the_pixels_of_the_image(both):
    fine, coarse = both
    np.testing.assert_array_equal(coarse.labels(shape=coarse.image_shape), fine.labels())


def test_the_next_stroke_is_a_pixel_of_the_image(both):
    fine, coarse = both
    for result in (fine, coarse):
        point = result.next_stroke and result.next_stroke.point
        assert point is None or (point[0] < 240 and point[1] < 300)
    item = coarse.objects[2]
    if item.next_stroke is not None:
        expected = (np.array(item.next_stroke.point) + 0.5) * [240 / 63, 300 / 79] - 0.5
        np.testing.assert_allclose(coarse.next_stroke.point, expected)


def test_strokes_are_found_in_every_strip():
    array = np.zeros((3, STRIP // 2 + 7), np.int16)
    array[0, 5] = array[1, -1] = 2
    array[2, :3] = 1
    found = Scribbles.from_label_image(array)
    np.testing.assert_array_equal(found.points, np.argwhere(array))
    np.testing.assert_array_equal(found.labels, array[array > 0])


def test_outlines_and_parts_are_in_pixels_of_the_image(both):
    fine, coarse = (result.objects[2] for result in both)
    corners = [
        line.min(0).tolist() + line.max(0).tolist()
        for line in (fine.contours()[0], coarse.contours()[0])
    ]
    np.testing.assert_allclose(*corners, atol=0.1)
    window = [(60, 130), (80, 190)]
    np.testing.assert_array_equal(coarse.render(window=window), fine.mask[60:130, 80:190])
    np.testing.assert_array_equal(coarse.render(), fine.mask)
    points = np.random.default_rng(0).uniform(0, 239, (20, 2))
    np.testing.assert_allclose(coarse.logit(points), fine.logit(points), atol=1e-6)
    (raw, *_), (rough, *_) = fine.predictor_contours(), coarse.predictor_contours()
    np.testing.assert_allclose(raw.mean(0), rough.mean(0), atol=3)
