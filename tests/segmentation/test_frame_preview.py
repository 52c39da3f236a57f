"""The first answer in a sequence is about the frame that is looked at."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon2mask

from napari_isr.features.edge_refinement_sequence import SeededSequenceEdgeRefiner
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.segmentation.segmenter import Segmenter
from tests.features.test_edge_refinement_sequence import film, overlap

FEATURES = "rgb,texture,nearness,edges"


def filled(contours: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for contour in contours:
        mask ^= polygon2mask(shape, contour)
    return mask


@pytest.mark.parametrize(("shape", "frame"), [("connected", 0), ("convex", 2)])
def test_the_frame_that_is_looked_at_is_outlined_before_maps_are_made(monkeypatch, shape, frame):
    images, truth, strokes = film(4)
    made = []
    whole = PlaneFeatureBlock._reduced
    monkeypatch.setattr(
        PlaneFeatureBlock, "_reduced", lambda self, plane: made.append(plane) or whole(self, plane)
    )
    segmenter = Segmenter(images, ndim=3, axes="tyx", features=FEATURES)
    segmenter.set_view_plane((frame, None, None))
    first: dict[str, np.ndarray] = {}
    for update in segmenter.run(strokes, shape):
        for name in ("predictor_contours", "contours"):
            if (found := getattr(update, name)) is not None:
                first.setdefault(name, filled(found, truth.shape[1:]))
        if len(first) == 2:
            break
    assert not made
    assert min(overlap(mask, truth[frame]) for mask in first.values()) > 0.7


def test_what_was_shown_first_changes_nothing_of_the_answer():
    images, _, strokes = film(3)
    masks = []
    for plane in (None, (1, None, None)):
        segmenter = Segmenter(images, ndim=3, axes="tyx", features=FEATURES)
        if plane is not None:
            segmenter.set_view_plane(plane)
        for _ in segmenter.run(strokes, "convex"):
            pass
        masks.append(segmenter.result.objects[2].mask)
    assert (masks[0] == masks[1]).all()


def test_the_planes_that_components_come_from_are_looked_at_once(monkeypatch):
    images, _, strokes = film(4)
    looked = []
    joined = PlaneFeatureBlock._joined
    monkeypatch.setattr(
        PlaneFeatureBlock, "_joined", lambda self, pixels: looked.append(1) or joined(self, pixels)
    )
    segmenter = Segmenter(images, ndim=3, axes="tyx", features=FEATURES)
    for _ in segmenter.run(strokes, "none"):
        pass
    assert len(looked) == len(images)


def test_a_further_stroke_is_answered_in_the_frame_that_is_looked_at_first(monkeypatch):
    images, truth, strokes = film(3)
    more = strokes.copy()
    row, column = (int(x.mean()) for x in np.nonzero(truth[1]))
    more[1, row, column - 2 : column + 3] = 2
    settled = []
    whole = SeededSequenceEdgeRefiner.refine
    monkeypatch.setattr(
        SeededSequenceEdgeRefiner,
        "refine",
        lambda self, *known: settled.append(1) or whole(self, *known),
    )
    masks = []
    for plane in (None, (1, None, None)):
        segmenter = Segmenter(images, ndim=3, axes="tyx", features="rgb,nearness,edges")
        for _ in segmenter.run(strokes, "convex"):
            pass
        if plane is not None:
            segmenter.set_view_plane(plane)
        settled.clear()
        early = []
        for update in segmenter.run(more, "convex"):
            if not settled and update.contours is not None:
                early.append(filled(update.contours, truth.shape[1:]))
        assert len(early) == (plane is not None)
        assert all(overlap(mask, truth[1]) > 0.7 for mask in early)
        masks.append(segmenter.result.objects[2].mask)
    assert (masks[0] == masks[1]).all()
