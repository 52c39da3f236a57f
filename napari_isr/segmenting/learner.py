"""Predictors of one image, trained on strokes again and again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.clock import Clock
from napari_isr.predictors import PointPredictor, Predictor, Scene, make_predictor
from napari_isr.predictors.given import Given
from napari_isr.segmenting.sight import Sight
from napari_isr.segmenting.updates import Update
from napari_isr.stopping import breathe
from napari_isr.strokes import BACKGROUND, Strokes
from napari_isr.unaries.carrying import one_hot, take_up
from napari_isr.unaries.given import GivenMap
from napari_isr.unaries.of_objects import ObjectUnaries
from napari_isr.unaries.predicted import Unaries
from napari_isr.unaries.trained import Trained

__all__ = ["Learner"]

FEATURES = 0.5  # of the progress of training, where they are not known yet


class Learner:
    """Trains predictors, each from where the last one was.

    Parameters
    ----------
    sight : Sight
        The image as it is seen.
    predictor : str
        Which one.
    unaries : tensor or None
        Unaries from elsewhere, which take its place.
    carried : Trained or None
        What was learned from other images.
    seed : int
    device : torch.device

    Attributes
    ----------
    strokes : Strokes or None
        What was learned from last.
    """

    def __init__(
        self,
        sight: Sight,
        predictor: str,
        unaries: Any,
        carried: Trained | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.sight, self.predictor_name, self.unaries = sight, predictor, unaries
        self.carried, self.seed, self.device = carried, seed, device
        self.strokes: Strokes | None = None
        self._predictor: tuple[tuple[tuple[int, ...], Scene], Predictor] | None = None

    def on(self, device: torch.device) -> Learner:
        """The same on another device, where a predictor is trained anew."""
        known = self.predictor_name, self.unaries, self.carried, self.seed, device
        moved = Learner(self.sight.on(device), *known)
        moved.strokes = self.strokes
        return moved

    def objects(self, strokes: Strokes) -> tuple[int, ...]:
        """Labels of the objects that these strokes and what was carried here are about, rising."""
        known = self.carried.objects if self.carried is not None else ()
        return tuple(sorted({*known, *strokes.objects}))

    def lessons(self, strokes: Strokes) -> tuple[npt.NDArray[np.float64], torch.Tensor]:
        """Stroke pixels (n, d) that the predictor is trained on, and their classes (n, classes)."""
        points, labels = strokes.sample(self.seed)
        targets = one_hot(labels, (BACKGROUND, *self.objects(strokes))).to(self.device)
        return points.astype(np.float64), targets

    def train(
        self, strokes: Strokes, given: dict[int, GivenMap], end: float, clock: Clock
    ) -> Generator[Update, None, ObjectUnaries]:
        """Fit the predictor to the strokes, if there is an object that needs it.

        Parameters
        ----------
        strokes : Strokes
        given : dict of int to GivenMap
            Objects whose unaries are from elsewhere.
        end : float
            Progress of the run when this is done.
        clock : Clock

        Returns
        -------
        ObjectUnaries
        """
        if given.keys() >= set(self.objects(strokes)):
            return ObjectUnaries(None, (), given, self.device)
        if self.unaries is not None:  # which say nothing of objects that are given by themselves
            strokes = strokes.without(given)
        classes = (BACKGROUND, *self.objects(strokes))
        start = 0.0
        with clock.measure("features"):
            scene, new = self.sight.scene(self.carried is not None and not len(strokes.labels))
        if new:
            first = np.zeros((1, self.sight.frame.ndim))
            for progress in clock.steps("features", scene.features.prepare(first)):
                start = FEATURES * end * progress
                yield Update("features", start)
        with clock.measure("features"):
            points, targets = self.lessons(strokes)
        task = classes, scene
        if self._predictor is None or self._predictor[0] != task:
            self._predictor = (task, self._fresh_predictor(scene, classes).to(self.device))
        complete = bool((targets.sum(0) > 0).all())
        # A carried predictor is used as it is, until it has something to learn from.
        if complete or (len(points) and isinstance(self._predictor[1], PointPredictor)):
            training = self._predictor[1].fit(scene, points, targets, targets.sum(1))
            for progress in clock.steps("predictor", training):
                yield Update("predictor", start + (end - start) * progress)
        self.strokes = strokes
        with clock.measure("predictor"):
            every = np.searchsorted(classes, strokes.labels)
            drawn = strokes.points, every, len(classes)
            nearness, edges = self.sight.nearness, self.sight.edges
            field = nearness.field(*drawn) if nearness and complete else None
            outlined = edges.drawn(*drawn) if edges and complete else None
        learned = Unaries(scene, self._predictor[1], field, outlined)
        return ObjectUnaries(learned, classes, given, self.device)

    def glimpse(self, strokes: Strokes) -> ObjectUnaries | None:
        """What a predictor learns from the strokes by what takes no time to be seen.

        Nothing of it is kept. None without strokes of all classes, or without film edges.
        """
        scene, sight = self.sight.quick(), self.sight
        points, targets = self.lessons(strokes)
        if scene is None or not bool((targets.sum(0) > 0).all()):
            return None
        classes = (BACKGROUND, *self.objects(strokes))
        predictor = make_predictor("fcn", scene.width, len(classes), self.seed).to(self.device)
        for _ in predictor.fit(scene, points, targets, targets.sum(1)):
            breathe()
        drawn = strokes.points, np.searchsorted(classes, strokes.labels), len(classes)
        field = sight.nearness.field(*drawn) if sight.nearness else None
        outlined = sight.edges.drawn(*drawn) if sight.edges else None
        return ObjectUnaries(Unaries(scene, predictor, field, outlined), classes, {}, self.device)

    def _fresh_predictor(self, scene: Scene, classes: tuple[int, ...]) -> Predictor:
        if self.unaries is not None:
            return Given.read(self.unaries, classes[1:], self.sight.frame.ndim)
        if self.carried is not None:
            return take_up(self.carried, classes, scene, self.seed)
        return make_predictor(self.predictor_name, scene.width, len(classes), self.seed)
