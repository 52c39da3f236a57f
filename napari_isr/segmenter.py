"""Strokes in, fitted objects out: a generator of updates that can be stopped and goes on warm."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.conflicts import Conflict, find_conflict
from napari_isr.device import resolve_device
from napari_isr.errors import InputError, nearest
from napari_isr.evidence import base_axes
from napari_isr.features import Features, SourceImage, parse_features
from napari_isr.features.nearness import NEARNESS, Nearness
from napari_isr.fitting.projection import project_shape
from napari_isr.fitting.sampling import Samples
from napari_isr.frame import Frame
from napari_isr.predictors import Predictor, Scene, make_predictor, parse_predictor
from napari_isr.rendering import ShapeLogit, contours_of, contours_on_grid
from napari_isr.results import ObjectResult, Result
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec
from napari_isr.strokes import BACKGROUND, Strokes
from napari_isr.unaries import Unaries

__all__ = ["MODES", "Segmenter", "Update", "parse_mode", "shapes_by_label"]

T = TypeVar("T")
MODES = ("auto", "sequential")
DEFAULT_SHAPE = "convex"
STROKE_SAMPLE = 200  # stroke pixels of each class that a shape sees
LIVE_CELLS = 72  # of the grid that finds an outline while the user draws
QUICK_LOOK = 2000  # stroke pixels that are looked at first, to see whether any is not honoured
LOUDER = 20.0  # times, if strokes that the shape could honour are not honoured
STROKE_WEIGHT = 50.0  # pixels that one stroke pixel counts for
_TRAINED, _PROJECTING = 0.4, 0.3  # shares of the progress: training, projection, the rest pixels
_PROJECTED = _TRAINED + _PROJECTING
Contours = list[npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Update:
    """News of a running segmentation.

    Parameters
    ----------
    stage : {"features", "predictor", "projection", "render", "done"}
        What is going on.
    progress : float
        Of the whole run, 0 to 1, never falling.
    label : int, optional
        The object that the update is about.
    predictor_contours, contours : list of (n, 2) arrays, optional
        The object's outline by the predictor and by its shape, whenever one is new: (row,
        column), 2-dimensional images only.
    """

    stage: Literal["features", "predictor", "projection", "render", "done"]
    progress: float
    label: int | None = None
    predictor_contours: Contours | None = None
    contours: Contours | None = None


def parse_mode(mode: str) -> str:
    """Return how predictor and shape are optimised; ``"auto"`` is the best by measurement.

    Raises
    ------
    InputError
        If the mode is unknown.
    """
    if mode not in MODES:
        raise InputError(f"unknown mode '{mode}': {nearest(str(mode), MODES)}")
    return "sequential" if mode == "auto" else mode


class Segmenter:
    """Segments one image from strokes, again and again as strokes are added.

    Parameters
    ----------
    image : array
        (n1, ..., nd) or, with channels, (n1, ..., nd, c).
    ndim : int, optional
        Number of axes that are not channels.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis.
    predictor, features, mode, device : str, optional
        What to use; ``"auto"`` is the default by measurement.
    seed : int, optional
        Two runs with one seed on one machine give the same result.

    Raises
    ------
    InputError
        If an argument does not fit.
    """

    def __init__(
        self,
        image: Any,
        *,
        ndim: int = 2,
        spacing: Sequence[float] = (),
        predictor: str = "auto",
        features: str | Sequence[str] = "auto",
        mode: str = "auto",
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.source = SourceImage(image, ndim)
        self.frame = Frame(self.source.shape, tuple(spacing))
        self.mode = parse_mode(mode)
        self.predictor_name = parse_predictor(predictor)
        self.features_name = parse_features(features, ndim)
        self.device = resolve_device(device)
        self.seed = int(seed)
        self.result = Result({}, str(self.device), self.seed)
        self._scene: Scene | None = None
        self._nearness: Nearness | None = None
        self._predictor: tuple[tuple[int, ...], Predictor] | None = None
        self._shapes: dict[int, tuple[ShapeSpec, Shape | None]] = {}
        self._fitted: set[int] = set()
        self._conflicts: dict[int, Conflict | None] = {}
        self._clock = Clock()

    def run(
        self,
        scribbles: npt.NDArray[np.integer] | Strokes,
        shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec] = "convex",
    ) -> Iterator[Update]:
        """Fit predictor and shapes to the strokes; the last update means :attr:`result` is new.

        Close the generator to stop: what is fitted so far stays, and the next run starts from
        there.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array or Strokes
            0 unlabelled, 1 background, 2, 3, ... objects.
        shapes : str, ShapeSpec or mapping
            One shape for all objects, or one for each label; labels that a mapping leaves out
            get ``convex``.

        Yields
        ------
        Update

        Raises
        ------
        InputError
            If strokes or shapes do not fit.
        """
        strokes = scribbles if isinstance(scribbles, Strokes) else Strokes.read(scribbles)
        strokes.check(self.frame.shape)
        specs = shapes_by_label(shapes, strokes.objects)
        self._clock = Clock()
        yield Update("features", 0.0)
        unaries = yield from self._train(strokes)
        for index, label in enumerate(specs, start=1):
            outline = self._predictor_outline(unaries, index)
            yield Update("predictor", _TRAINED, label, predictor_contours=outline)
        objectives = yield from self._project(unaries, strokes, specs)
        yield from self._render(unaries, specs, objectives)

    def _train(self, strokes: Strokes) -> Generator[Update, None, Unaries]:
        """Fit the predictor to the strokes."""
        classes = (BACKGROUND, *strokes.objects)
        with self._clock.measure("features"):
            scene, nearness = self._look()
            points, labels = strokes.sample(self.seed)
        if self._predictor is None or self._predictor[0] != classes:
            fresh = make_predictor(self.predictor_name, scene.width, len(classes), self.seed)
            self._predictor = (classes, fresh.to(self.device))
        predictor = self._predictor[1]
        index = torch.from_numpy(np.searchsorted(classes, labels)).to(self.device)
        targets = torch.nn.functional.one_hot(index, len(classes)).float()
        training = predictor.fit(scene, points.astype(np.float64), targets, targets.sum(1))
        for progress in self._clock.steps("predictor", training):
            yield Update("predictor", _TRAINED * progress)
        with self._clock.measure("predictor"):
            every = np.searchsorted(classes, strokes.labels)
            field = nearness.field(strokes.points, every, len(classes)) if nearness else None
        return Unaries(scene, predictor, field)

    def _look(self) -> tuple[Scene, Nearness | None]:
        """What is seen of the image; made once."""
        if self._scene is None:
            features = Features(self.source, self.frame, self.features_name, device=self.device)
            self._scene = Scene(features, self.frame, self.device)
            near = NEARNESS in self.features_name
            self._nearness = Nearness(self.source, self.frame) if near else None
        return self._scene, self._nearness

    def _predictor_outline(self, unaries: Unaries, index: int) -> Contours | None:
        if self.frame.ndim != 2:
            return None
        with self._clock.measure("predictor"):
            values = unaries.base[index].cpu().numpy() - 0.5
            return contours_on_grid(values, base_axes(self.frame), self.frame)

    def _project(
        self, unaries: Unaries, strokes: Strokes, specs: Mapping[int, ShapeSpec]
    ) -> Generator[Update, None, dict[int, float]]:
        """Fit every object's shape to its unaries; return the objectives."""
        objectives = {}
        self._conflicts = {}
        for index, (label, spec) in enumerate(specs.items(), start=1):
            shape, warm = self._shape_for(label, spec)
            if shape is None:
                continue
            samples = stroke_samples(strokes, label, self.frame).to(self.device)
            states = project_shape(shape, unaries.evidence(index), strokes=samples, warm=warm)
            for state in self._clock.steps(f"projection {label}", states):
                objectives[label] = state.objective
                share = (index - 1 + 0.9 * state.progress) / len(specs)
                yield Update("projection", _TRAINED + _PROJECTING * share, label)
            progress = _TRAINED + _PROJECTING * (index - 0.1) / len(specs)
            wrong = dishonoured(shape, strokes, label, self.frame)
            if wrong is not None:
                parameters = shape.readable(self.frame)
                self._conflicts[label] = find_conflict(strokes, label, shape.name, parameters)
                if self._conflicts[label] is None:
                    louder = (samples + wrong.to(self.device)).scaled(LOUDER)
                    states = project_shape(
                        shape, unaries.evidence(index), strokes=louder, warm=True
                    )
                    for _ in self._clock.steps(f"projection {label}", states):
                        yield Update("projection", progress, label)
            self._fitted.add(label)
            if self.frame.ndim == 2:
                with self._clock.measure(f"projection {label}"):
                    outline = contours_of(ShapeLogit(shape, self.frame), self.frame, LIVE_CELLS)
                yield Update("projection", progress, label, contours=outline)
        return objectives

    def _probabilities(self, unaries: Unaries) -> Generator[Update, None, npt.NDArray[np.float32]]:
        """Probabilities of all classes at every pixel."""
        for values in self._clock.steps("predictor", unaries.everywhere()):
            if values is not None:
                return values
            yield Update("render", _PROJECTED)
        raise AssertionError("the probabilities never came")

    def _shape_for(self, label: int, spec: ShapeSpec) -> tuple[Shape | None, bool]:
        """The object's shape, and whether it has been fitted before."""
        if label not in self._shapes or self._shapes[label][0] != spec:
            shape = spec.build(self.frame.ndim, self.frame)
            self._shapes[label] = (spec, shape.to(self.device) if shape is not None else None)
            self._fitted.discard(label)
        return self._shapes[label][1], label in self._fitted

    def _render(
        self, unaries: Unaries, specs: Mapping[int, ShapeSpec], objectives: Mapping[int, float]
    ) -> Iterator[Update]:
        """Make the pixels and replace :attr:`result`."""
        probabilities = yield from self._probabilities(unaries)
        objects = {}
        for index, (label, spec) in enumerate(specs.items(), start=1):
            item = ObjectResult.freeze(
                self._shapes[label][1],
                label=label,
                shape_name=str(spec),
                frame=self.frame,
                probability=probabilities[index],
                objective=objectives.get(label),
                conflict=self._conflicts.get(label),
            )
            for _ in self._clock.steps(f"render {label}", item.rendering()):
                share = (index - 1) / len(specs)
                yield Update("render", _PROJECTED + 0.99 * (1 - _PROJECTED) * share, label)
            with self._clock.measure(f"render {label}"):
                _ = item.certificate
            item.seconds.update(self._clock.of(label))
            objects[label] = item
        self.result = Result(objects, str(self.device), self.seed)
        yield Update("done", 1.0)


def shapes_by_label(
    shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec], labels: Sequence[int]
) -> dict[int, ShapeSpec]:
    """One parsed shape for each label.

    Parameters
    ----------
    shapes : str, ShapeSpec or mapping
        One for all, or by label; labels that a mapping leaves out get ``convex``.
    labels : sequence of int
        The objects that have strokes.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If a shape is unknown, or the mapping names a label that has no strokes.
    """
    if not isinstance(shapes, Mapping):
        spec = ShapeSpec.parse(shapes)
        return dict.fromkeys(labels, spec)
    stray = sorted(set(shapes) - set(labels))
    if stray:
        raise InputError(
            f"a shape is given for label {stray[0]}, but the strokes have only "
            f"{', '.join(map(str, labels))}: draw a stroke with that label or leave it out"
        )
    return {label: ShapeSpec.parse(shapes.get(label, DEFAULT_SHAPE)) for label in labels}


def dishonoured(shape: Shape, strokes: Strokes, label: int, frame: Frame) -> Samples | None:
    """Stroke pixels that a shape puts on the wrong side, as samples; None if there are none."""
    use = (strokes.labels == label) | (strokes.labels == BACKGROUND)
    points, labels = strokes.points[use].astype(np.float64), strokes.labels[use]
    logit = ShapeLogit(shape, frame)
    step = -(-len(points) // QUICK_LOOK)
    if step > 1 and ((logit(points[::step]) > 0) == (labels[::step] == label)).all():
        return None
    wrong = (logit(points) > 0) != (labels == label)
    if not wrong.any():
        return None
    weight = np.full(np.count_nonzero(wrong), STROKE_WEIGHT / math.prod(frame.shape))
    return _samples(points[wrong], labels[wrong] == label, weight, frame)


def stroke_samples(strokes: Strokes, label: int, frame: Frame) -> Samples:
    """What the user's strokes say of one object, many times louder than single pixels.

    Strokes of other objects say nothing: objects may overlap.
    """
    points, labels = strokes.sample(0, STROKE_SAMPLE)
    use = (labels == label) | (labels == BACKGROUND)
    points, labels = points[use], labels[use]
    weight = np.full(len(labels), STROKE_WEIGHT / math.prod(frame.shape))
    for k in (label, BACKGROUND):
        drawn = labels == k
        weight[drawn] *= np.count_nonzero(strokes.labels == k) / np.count_nonzero(drawn)
    return _samples(points.astype(np.float64), labels == label, weight, frame)


def _samples(
    points: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    frame: Frame,
) -> Samples:
    """Stroke pixels as samples."""
    return Samples(
        torch.from_numpy(frame.to_shape(points)).float(),
        torch.from_numpy(inside.astype(np.float32)),
        torch.from_numpy(weight.astype(np.float32)),
    )


class Clock:
    """Wall seconds of named parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def steps(self, name: str, steps: Iterator[T]) -> Iterator[T]:
        """Add the time of an iterator's own work, not of what its consumer does between."""
        while True:
            with self.measure(name):
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step

    def of(self, label: int) -> dict[str, float]:
        """Seconds of each stage, as far as they concern one object."""
        return {
            stage: self.seconds.get(stage, 0.0) + self.seconds.get(f"{stage} {label}", 0.0)
            for stage in ("features", "predictor", "projection", "render")
        }
