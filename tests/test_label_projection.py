"""Whole label images whose objects get a shape."""

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.certificates import convexity_defects
from napari_isr.errors import InputError
from napari_isr.io.export import write_labels
from napari_isr.label_projection import as_mask_or_probability, project_labels


def discs(*centres, radius=10, size=90):
    row, column = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for label, (y, x) in centres:
        labels[(row - y) ** 2 + (column - x) ** 2 < radius**2] = label
        labels[y - 2 : y + 2, x:][labels[y - 2 : y + 2, x:] == label] = 0
    return labels


def last(*args, **kwargs):
    *_, result = project_labels(*args, **kwargs)
    return result


def test_every_label_becomes_convex_and_keeps_its_number():
    labels = discs((3, (20, 20)), (70_000, (60, 62)))
    steps = list(project_labels(labels, "convex"))
    assert {total for _, total in steps[:-1]} == {2}
    assert [done for done, _ in steps[:-1]] == sorted(done for done, _ in steps[:-1])
    made = steps[-1]
    assert made.labels.dtype == labels.dtype
    assert set(np.unique(made.labels)) == {0, 3, 70_000}
    assert made.failed == []
    for label in (3, 70_000):
        assert not convexity_defects(made.labels == label).any()
        assert convexity_defects(labels == label).any()


def test_places_are_in_the_window_that_is_told():
    labels = discs((5, (66, 61)))
    told = last(labels, "rotational").objects[5]
    start = np.array(told["window"])[:, 0]
    assert start.min() > 0
    np.testing.assert_allclose(start + told["parameters"]["centre"], (66, 61), atol=3)


def test_objects_that_grow_into_each_other_are_told():
    labels = np.zeros((60, 60), np.uint8)
    labels[10:50, 10:20] = labels[40:50, 10:50] = 1  # an L
    labels[10:30, 25:50] = 2  # in its corner
    made = last(labels, "convex")
    assert made.overlap > 20
    assert f"({made.overlap} px) the higher label is on top" in made.message
    assert np.count_nonzero(made.labels == 2) >= 450


def test_probabilities_and_a_bool_mask_are_object_2():
    mask = discs((1, (40, 40))) > 0
    for values in (mask, mask.astype(np.float32)):
        made = last(values, "star")
        assert set(np.unique(made.labels)) == {0, 2}
    whole = isr.project(mask, "star").mask
    assert np.count_nonzero(whole ^ (made.labels == 2)) == 0


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.zeros((8, 8), int), "no object"),
        (np.zeros((8, 8), complex), "whole numbers"),
        (np.ones(8, int), "axes"),
        (np.arange(2_500).reshape(50, 50), "at most"),
    ],
)
def test_what_does_not_fit_is_one_sentence(labels, word):
    with pytest.raises(InputError, match=word):
        last(labels)


def test_images_that_are_masks():
    mask = discs((1, (40, 40))) > 0
    assert (
        as_mask_or_probability(np.where(mask, 9, 4).astype(np.uint8), "m").tolist() == mask.tolist()
    )
    assert as_mask_or_probability(mask, "m") is mask
    for picture in (np.arange(9, dtype=np.uint8).reshape(3, 3), np.full((3, 3), 1.5)):
        with pytest.raises(InputError, match="'m' is neither"):
            as_mask_or_probability(picture, "m")


def test_large_and_negative_labels_are_written_right_or_not_at_all(tmp_path):
    import tifffile

    large = np.array([[0, 70_000]])
    assert tifffile.imread(write_labels(tmp_path / "l.tif", large)).tolist() == large.tolist()
    for path, labels in (("l.png", large), ("m.tif", -large), ("n.tif", large * 10**6)):
        with pytest.raises(InputError, match="label"):
            write_labels(tmp_path / path, labels)
        assert not (tmp_path / path).exists()
