"""Stage that trains the predictor on scribbles."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_isr._timing import StageTimer
from napari_isr.cancellation import check_cancelled
from napari_isr.predictors import FeatureView, PixelClassifier, Predictor, make_predictor
from napari_isr.predictors.precomputed import PrecomputedPredictor
from napari_isr.scribbles import BACKGROUND, Scribbles
from napari_isr.segmentation.feature_stage import FeatureStage
from napari_isr.segmentation.object_unaries import ObjectUnaries, PrecomputedUnaries
from napari_isr.segmentation.predicted_unaries import PredictedUnaries
from napari_isr.segmentation.trained_predictor import TrainedPredictor
from napari_isr.segmentation.transfer import one_hot_targets, resume_predictor
from napari_isr.segmentation.update import Update

__all__ = ["PredictorStage"]

FEATURES = 0.5  # of the progress of training, where they are not known yet


class PredictorStage:
    """Trains predictors, each from where the last one was.

    Parameters
    ----------
    sight : FeatureStage
        The image as it is seen.
    predictor : str
        Which one.
    unaries : tensor or None
        Unaries from elsewhere, which take its place.
    carried : TrainedPredictor or None
        What was learned from other images.
    seed : int
    device : torch.device

    Attributes
    ----------
    strokes : Scribbles or None
        What was learned from last.
    """

    def __init__(
        self,
        sight: FeatureStage,
        predictor: str,
        unaries: Any,
        carried: TrainedPredictor | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.sight, self.predictor_name, self.unaries = sight, predictor, unaries
        self.carried, self.seed, self.device = carried, seed, device
        self.strokes: Scribbles | None = None
        self._predictor: tuple[tuple[tuple[int, ...], FeatureView], Predictor] | None = None

    def to(self, device: torch.device) -> PredictorStage:
        """Return a copy on another device, without a trained predictor."""
        known = self.predictor_name, self.unaries, self.carried, self.seed, device
        moved = PredictorStage(self.sight.to(device), *known)
        moved.strokes = self.strokes
        return moved

    def objects(self, strokes: Scribbles) -> tuple[int, ...]:
        """Labels of the objects that these strokes and what was carried here are about, rising."""
        known = self.carried.object_labels if self.carried is not None else ()
        return tuple(sorted({*known, *strokes.objects}))

    def training_data(self, strokes: Scribbles) -> tuple[npt.NDArray[np.float64], torch.Tensor]:
        """Stroke pixels (n, d) that the predictor is trained on, and their classes (n, classes)."""
        points, labels = strokes.sample(self.seed)
        targets = one_hot_targets(labels, (BACKGROUND, *self.objects(strokes))).to(self.device)
        return points.astype(np.float64), targets

    def train(
        self,
        strokes: Scribbles,
        given: dict[int, PrecomputedUnaries],
        end: float,
        clock: StageTimer,
    ) -> Generator[Update, None, ObjectUnaries]:
        """Fit the predictor to the strokes, if there is an object that needs it.

        Parameters
        ----------
        strokes : Scribbles
        given : dict of int to PrecomputedUnaries
            Objects whose unaries are from elsewhere.
        end : float
            Progress of the run when this is done.
        clock : StageTimer

        Returns
        -------
        ObjectUnaries
        """
        if given.keys() >= set(self.objects(strokes)):
            return ObjectUnaries(None, (), given, self.device)
        if self.unaries is not None:  # which say nothing of objects that are given by themselves
            strokes = strokes.exclude(given)
        classes = (BACKGROUND, *self.objects(strokes))
        start = 0.0
        with clock.measure("features"):
            scene, new = self.sight.view(self.carried is not None and not len(strokes.labels))
        if new:
            first = np.zeros((1, self.sight.frame.ndim))
            for progress in clock.time_iterator("features", scene.features.prepare(first)):
                start = FEATURES * end * progress
                yield Update("features", start)
        with clock.measure("features"):
            points, targets = self.training_data(strokes)
        task = classes, scene
        if self._predictor is None or self._predictor[0] != task:
            self._predictor = (task, self._fresh_predictor(scene, classes).to(self.device))
        complete = bool((targets.sum(0) > 0).all())
        # A carried predictor is used as it is, until it has something to learn from.
        if complete or (len(points) and isinstance(self._predictor[1], PixelClassifier)):
            training = self._predictor[1].fit(scene, points, targets, targets.sum(1))
            for progress in clock.time_iterator("predictor", training):
                yield Update("predictor", start + (end - start) * progress)
        self.strokes = strokes
        with clock.measure("predictor"):
            every = np.searchsorted(classes, strokes.labels)
            drawn = strokes.points, every, len(classes)
            nearness, edges = self.sight.nearness, self.sight.edges
            field = nearness.log_probabilities(*drawn) if nearness and complete else None
            outlined = edges.with_seeds(*drawn) if edges and complete else None
        learned = PredictedUnaries(scene, self._predictor[1], field, outlined)
        return ObjectUnaries(learned, classes, given, self.device)

    def train_preview(self, strokes: Scribbles) -> ObjectUnaries | None:
        """Train a preview predictor on features that need no plane maps.

        Nothing of it is kept. None without strokes of all classes, or without film edges.
        """
        scene, sight = self.sight.preview_view(), self.sight
        points, targets = self.training_data(strokes)
        if scene is None or not bool((targets.sum(0) > 0).all()):
            return None
        classes = (BACKGROUND, *self.objects(strokes))
        predictor = make_predictor("fcn", scene.width, len(classes), self.seed).to(self.device)
        for _ in predictor.fit(scene, points, targets, targets.sum(1)):
            check_cancelled()
        drawn = strokes.points, np.searchsorted(classes, strokes.labels), len(classes)
        field = sight.nearness.log_probabilities(*drawn) if sight.nearness else None
        outlined = sight.edges.with_seeds(*drawn) if sight.edges else None
        return ObjectUnaries(
            PredictedUnaries(scene, predictor, field, outlined), classes, {}, self.device
        )

    def _fresh_predictor(self, scene: FeatureView, classes: tuple[int, ...]) -> Predictor:
        if self.unaries is not None:
            return PrecomputedPredictor.from_unaries(
                self.unaries, classes[1:], self.sight.frame.ndim
            )
        if self.carried is not None:
            return resume_predictor(self.carried, classes, scene, self.seed)
        return make_predictor(self.predictor_name, scene.width, len(classes), self.seed)
