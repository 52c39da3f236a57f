"""Strokes in, fitted objects out: a generator of updates that can be stopped and goes on warm."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_isr.carrying import (
    carried_names,
    check_carried,
    check_features,
    found_objects,
    learn,
    one_hot,
    take_up,
)
from napari_isr.clock import Clock
from napari_isr.device import resolve_device
from napari_isr.errors import InputError
from napari_isr.evidence import base_axes
from napari_isr.features import AUTO_IN_TIME, FeatureCache, Features, SourceImage, parse_features
from napari_isr.features.edges import EDGES, Edges
from napari_isr.features.nearness import NEARNESS, Nearness
from napari_isr.fitting.joint import TURNS, coupling_points, coupling_weight, shape_targets
from napari_isr.given_maps import GivenMap, read_given
from napari_isr.lifting import Coordinates, check_shapes, lifted
from napari_isr.memory import MEMORY, check_memory, raster_pixels
from napari_isr.object_unaries import ObjectUnaries
from napari_isr.planes import check_plane, grid_contours
from napari_isr.predictors import PointPredictor, Predictor, Scene, make_predictor, parse_predictor
from napari_isr.predictors.given import Given, check_given
from napari_isr.results import ObjectResult, Result
from napari_isr.shape_fits import ShapeFits
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec
from napari_isr.sketch import Sketch
from napari_isr.strokes import BACKGROUND, Strokes
from napari_isr.timeline import Timeline, frame_of
from napari_isr.trained import Trained
from napari_isr.unaries import Unaries
from napari_isr.updates import MODES, Update, parse_mode, shapes_by_label

__all__ = ["MODES", "Segmenter", "Update", "parse_mode", "shapes_by_label"]

# Ends of the stages on the progress of a run; what is left is for the pixels.
STAGES = {"sequential": (0.4, 0.7, 0.7), "joint": (0.2, 0.4, 0.8)}
FEATURES = 0.5  # of the progress of the first stage, where they are not known yet
RENDER_STEPS = 12  # after which the mask of an object is half done, as far as the bar knows
PROBABILITIES = 0.4  # of what is left for the pixels


class Segmenter:
    """Segments one image from strokes, again and again as strokes are added.

    Parameters
    ----------
    image : array or sequence of arrays
        (n1, ..., nd) or, with channels, (n1, ..., nd, c). It may be a dask or zarr array, which is
        never loaded whole, or a pyramid: its levels, the finest first.
    ndim : int, optional
        Number of axes that are not channels.
    axes : str, optional
        What the axes are, ``"tyx"`` or ``"tzyx"`` for a sequence.
    spacing : sequence of float, optional
        Distance of pixel centres along each axis, of time None or how long a frame counts; see
        :func:`napari_isr.timeline.frame_of`.
    predictor, features, mode, device : str, optional
        What to use; ``"auto"`` is the default by measurement.
    seed : int, optional
        Two runs with one seed on one machine give the same result.
    unaries : array, optional
        Unaries from elsewhere instead of a predictor's; see
        :func:`napari_isr.predictors.given.check_given`.
    weights, dino : path, optional
        Weights files of the semantic and the dino features. Default: the installed ones.
    download : bool, optional
        Fetch the weights of the dino features if there is no file; nothing else is ever fetched.
    cache : FeatureCache, optional
        Keeps features of this and other images. Default: those of this image, in memory.
    trained : Trained, optional
        What was learned from other images, see :meth:`trained`. Its predictor and its features are
        used; strokes are not needed any more, and what they say is learned beside the old.
    most_pixels : int, optional
        A larger image gets results on a coarser raster of the same area, with about so many
        pixels. Default: results have the image's pixels, unless ``memory`` bounds them.
    coordinates : mapping of str to array or Coordinate, optional
        Further coordinates by name, ``{"depth": map}``; see :mod:`napari_isr.lifting`.
    memory : float, optional
        Megabytes that pixels may take, beside what the program itself needs: of an image that is
        read where it lies (dask, zarr, memory maps, pyramids) and of results. Default: 256 for
        such images; no bound for others.

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
        axes: str | None = None,
        spacing: Sequence[float | None] = (),
        predictor: str = "auto",
        features: str | Sequence[str] = "auto",
        mode: str = "auto",
        device: str = "auto",
        seed: int = 0,
        unaries: Any = None,
        weights: str | os.PathLike[str] | None = None,
        dino: str | os.PathLike[str] | None = None,
        download: bool = False,
        cache: FeatureCache | None = None,
        trained: Trained | None = None,
        most_pixels: int | None = None,
        coordinates: Coordinates | None = None,
        memory: float | None = None,
    ) -> None:
        budget = MEMORY if memory is None else check_memory(memory)
        in_time = axes is not None and axes.startswith("t")
        self.source = SourceImage(image, ndim, memory=budget, frames=in_time)
        self.frame = lifted(frame_of(self.source.shape, spacing, axes), coordinates)
        if most_pixels is None and (memory is not None or self.source.lazy):
            most_pixels = raster_pixels(budget, ndim)
        self.raster = self.frame.within(most_pixels)
        self.mode = parse_mode(mode)
        self.predictor_name = parse_predictor(predictor)
        if features == "auto" and isinstance(self.frame, Timeline):
            features = AUTO_IN_TIME
        self.features_name = parse_features(features, ndim)
        self.unaries = None if unaries is None else check_given(unaries, self.frame)
        self.carried = trained
        if trained is not None:
            self._carry(trained, predictor, features)
        self.device = resolve_device(device)
        self.seed, self.cache = int(seed), cache
        self._weights: dict[str, Any] = {"weights": weights, "dino": dino, "download": download}
        self.result = Result({}, str(self.device), self.seed)
        self._features: Features | None = None
        self._scenes: dict[bool, Scene] = {}
        self._sources: dict[str, str] = {}
        self._nearness: Nearness | None = None
        self._edges: Edges | None = None
        self._sketch: Sketch | None = None
        self._strokes: Strokes | None = None
        self._predictor: tuple[tuple[tuple[int, ...], Scene], Predictor] | None = None
        self._given: dict[int, GivenMap] = {}
        self._shapes = ShapeFits(self.frame, self.device)
        self._clock = Clock()

    def _carry(self, trained: Trained, predictor: str, features: str | Sequence[str]) -> None:
        """Look at the image as at those that the predictor was trained on."""
        if self.unaries is not None:
            raise InputError("unaries and a trained predictor are both given: choose one of them")
        check_carried(trained, self.source, self.frame.ndim, predictor, features)
        self.predictor_name = trained.predictor
        self.features_name = carried_names(trained)
        if trained.dtype == self.source.data.dtype.str:
            self.source.span = trained.span

    def look_at(self, plane: Sequence[float | None]) -> None:
        """Let updates hold the outlines in one plane of a stack, ``(5, None, None)`` for slice 5.

        Raises
        ------
        InputError
            If it is no plane of the image.
        """
        self._shapes.plane = check_plane(plane, self.frame)

    def objects(self, strokes: Strokes) -> tuple[int, ...]:
        """Labels of the objects that a run with these strokes finds, rising."""
        known = self.carried.objects if self.carried is not None else ()
        return tuple(sorted({*known, *strokes.objects}))

    def trained(self, scribbles: npt.NDArray[np.integer] | Strokes | None = None) -> Trained:
        """Train a predictor that can be carried to other images.

        Normalised cuts, nearness and edges are left out: they belong to their image. All else is
        trained on the same strokes, and on those of the images before if it was carried here.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array or Strokes, optional
            What to learn from. Default: the strokes of the last run.

        Raises
        ------
        InputError
            If nothing can be learned, or nothing that means something in another image.
        """
        if self.unaries is not None:
            raise InputError("unaries from elsewhere teach nothing that could be carried")
        strokes = self._strokes
        if scribbles is not None:
            strokes = scribbles if isinstance(scribbles, Strokes) else Strokes.read(scribbles)
            strokes.check(self.frame.shape, complete=self.carried is None)
        if self.carried is not None and (strokes is None or not len(strokes.labels)):
            return self.carried
        if strokes is None:
            raise InputError("nothing was learned yet that could be carried: run on strokes first")
        return learn(
            self._look(),
            self.frame,
            self.source,
            self.predictor_name,
            (BACKGROUND, *self.objects(strokes)),
            strokes.sample(self.seed),
            self.carried,
            self.seed,
            self.device,
        )

    def run(
        self,
        scribbles: npt.NDArray[np.integer] | Strokes,
        shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec] = "convex",
        given: Mapping[int, Any] | None = None,
        sketch: bool = False,
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
        given : mapping of int to array, optional
            Objects whose unaries are from elsewhere: by label probabilities in [0, 1] or a mask,
            each as large as the image. They need no strokes; those that they have are honoured.
            If no other object has strokes, no predictor is trained and no stroke is needed.
        sketch : bool, optional
            Begin with outlines that are quickly made from what the last run found, where it was of
            the same objects: see :class:`napari_isr.sketch.Sketch`. The result is the same.

        Yields
        ------
        Update

        Raises
        ------
        InputError
            If strokes, shapes or what is given do not fit.
        """
        strokes = scribbles if isinstance(scribbles, Strokes) else Strokes.read(scribbles)
        self._given = read_given(given, self.frame, self._given)
        strokes.check(self.frame.shape, self._given, complete=self.carried is None)
        specs = shapes_by_label(shapes, sorted({*self.objects(strokes), *self._given}))
        check_shapes(self.frame, (spec.name for spec in specs.values()))
        self._clock = Clock()
        trained, projected, refined = STAGES[self.mode]
        yield Update("features", 0.0)
        if sketch and self._sketch is not None and not self._given:
            yield from self._sketch.updates(strokes, self._shapes.fitted(specs))
        unaries = yield from self._train(strokes, trained)
        if self.carried is not None:
            specs = {k: specs[k] for k in found_objects(unaries, list(specs), strokes)}
        yield from self._predictor_outlines(unaries, specs, trained)
        self._shapes.conflicts.clear()
        span = trained, projected
        objectives = yield from self._shapes.run(unaries, strokes, specs, span, self._clock)
        if self.mode == "joint" and objectives and unaries.learned is not None:
            span = projected, refined
            unaries = yield from self._refine(unaries, strokes, specs, objectives, span)
        yield from self._render(unaries, strokes, specs, objectives)
        if self._nearness is not None:
            self._nearness.prepare()  # now that nobody waits
        if sketch and self._sketch is not None:
            self._sketch.remember(unaries, strokes)

    def restore(self, result: Result) -> None:
        """Let the next run start from the shapes of an earlier result of this image.

        Parameters
        ----------
        result : Result
            Its shapes are copied.
        """
        for label, item in result.objects.items():
            self.start_from(label, ShapeSpec.parse(item.shape_name), item.shape)

    def start_from(self, label: int, spec: ShapeSpec, shape: Shape | None) -> None:
        """Let an object's next fit start from a copy of a fitted shape.

        Parameters
        ----------
        label : int
        spec : ShapeSpec
            What the shape was built from.
        shape : Shape, optional
        """
        self._shapes.take(label, spec, shape)

    def _train(self, strokes: Strokes, end: float) -> Generator[Update, None, ObjectUnaries]:
        """Fit the predictor to the strokes, if there is an object that needs it."""
        if self._given.keys() >= set(self.objects(strokes)):
            return ObjectUnaries(None, (), self._given, self.device)
        if self.unaries is not None:  # which say nothing of objects that are given by themselves
            strokes = strokes.without(self._given)
        classes = (BACKGROUND, *self.objects(strokes))
        known, start = len(self._scenes), 0.0
        with self._clock.measure("features"):
            features = self._look()
            scene = self._see(features, strokes)
        if len(self._scenes) > known:
            first = np.zeros((1, self.frame.ndim))
            for progress in self._clock.steps("features", scene.features.prepare(first)):
                start = FEATURES * end * progress
                yield Update("features", start)
        with self._clock.measure("features"):
            points, targets = self._lessons(strokes)
        task = classes, scene
        if self._predictor is None or self._predictor[0] != task:
            self._predictor = (task, self._fresh_predictor(scene, classes).to(self.device))
        complete = bool((targets.sum(0) > 0).all())
        # A carried predictor is used as it is, until it has something to learn from.
        if complete or (len(points) and isinstance(self._predictor[1], PointPredictor)):
            training = self._predictor[1].fit(scene, points, targets, targets.sum(1))
            for progress in self._clock.steps("predictor", training):
                yield Update("predictor", start + (end - start) * progress)
        self._strokes = strokes
        with self._clock.measure("predictor"):
            every = np.searchsorted(classes, strokes.labels)
            drawn = strokes.points, every, len(classes)
            field = self._nearness.field(*drawn) if self._nearness and complete else None
            edges = self._edges.drawn(*drawn) if self._edges and complete else None
        learned = Unaries(scene, self._predictor[1], field, edges)
        return ObjectUnaries(learned, classes, self._given, self.device)

    def _fresh_predictor(self, scene: Scene, classes: tuple[int, ...]) -> Predictor:
        if self.unaries is not None:
            return Given.read(self.unaries, classes[1:], self.frame.ndim)
        if self.carried is not None:
            return take_up(self.carried, classes, scene, self.seed)
        return make_predictor(self.predictor_name, scene.width, len(classes), self.seed)

    def _see(self, features: Features, strokes: Strokes) -> Scene:
        """What the predictor sees; without strokes, only features that were carried here."""
        bare = self.carried is not None and not len(strokes.labels)
        if bare not in self._scenes:
            seen = features.carried if bare else features
            self._scenes[bare] = Scene(seen, self.frame, self.device)
        return self._scenes[bare]

    def _look(self) -> Features:
        """What there is to be seen of the image; made once."""
        if self._features is None:
            features = Features(
                self.source,
                self.frame,
                self.features_name if self.unaries is None else NEARNESS,  # of no blocks
                cache=self.cache,
                device=self.device,
                bases=self.carried.bases if self.carried is not None else None,
                **self._weights,
            )
            if self.carried is not None:
                check_features(self.carried, features)
            self._features = features
            self._sources = features.sources
            known = self.features_name if self.unaries is None else ()
            self._nearness = Nearness(self.source, self.frame) if NEARNESS in known else None
            self._edges = Edges(self.source, self.frame) if EDGES in known else None
            if self._edges is not None:
                self._sketch = Sketch(self._edges, self._nearness, self.device)
        return self._features

    def _lessons(self, strokes: Strokes) -> tuple[npt.NDArray[np.float64], torch.Tensor]:
        """Stroke pixels (n, d) that the predictor is trained on, and their classes (n, classes)."""
        points, labels = strokes.sample(self.seed)
        targets = one_hot(labels, (BACKGROUND, *self.objects(strokes))).to(self.device)
        return points.astype(np.float64), targets

    def _predictor_outlines(
        self, unaries: ObjectUnaries, specs: Mapping[int, ShapeSpec], progress: float
    ) -> Iterator[Update]:
        """Outlines of what the predictor says."""
        for label in specs:
            outline, plane = None, self._shapes.plane
            if plane is not None:
                with self._clock.measure("predictor"):
                    values = unaries.base(label).cpu().numpy() - 0.5
                    outline = grid_contours(values, base_axes(self.frame), self.frame, plane)
            yield Update("predictor", progress, label, predictor_contours=outline)

    def _refine(
        self,
        unaries: ObjectUnaries,
        strokes: Strokes,
        specs: Mapping[int, ShapeSpec],
        objectives: dict[int, float],
        span: tuple[float, float],
    ) -> Generator[Update, None, ObjectUnaries]:
        """Predictor and shapes in turns, each fitted to the other; the sequential answer stands.

        Given objects learn nothing and keep the shapes that they have.
        """
        learned = unaries.learned
        assert learned is not None
        known = {label: specs[label] for label in unaries.classes[1:]}
        taught = {label: spec for label, spec in specs.items() if label not in self._given}
        points, targets = self._lessons(strokes.only((BACKGROUND, *known)))
        for turn in range(1, TURNS + 1):
            start, end = (span[0] + (span[1] - span[0]) * t / TURNS for t in (turn - 1, turn))
            with self._clock.measure("predictor"):
                where = coupling_points(self.frame, self.seed, turn)
                told = shape_targets(self._shapes.inside(where, known), learned.at(where))
                drawn = torch.full_like(targets[:, 0], 1 / max(1, len(targets)))
                weight = torch.full_like(told[:, 0], coupling_weight(turn) / len(told))
            training = learned.predictor.fit(
                learned.scene,
                np.concatenate([points, where]),
                torch.cat([targets, told]),
                torch.cat([drawn, weight]),
            )
            for progress in self._clock.steps("predictor", training):
                yield Update("predictor", start + (end - start) * 0.5 * progress)
            unaries = replace(unaries, learned=learned.renewed())
            middle = (start + end) / 2
            yield from self._predictor_outlines(unaries, taught, middle)
            objectives |= yield from self._shapes.run(
                unaries, strokes, taught, (middle, end), self._clock
            )
        return unaries

    def _probabilities(
        self, unaries: ObjectUnaries
    ) -> Generator[Update, None, dict[int, npt.NDArray[np.float32]]]:
        """Probabilities of all objects at every pixel."""
        start = STAGES[self.mode][-1]
        for found in self._clock.steps("predictor", unaries.everywhere(self.raster)):
            if not isinstance(found, float):
                return found
            yield Update("render", start + PROBABILITIES * (1 - start) * found)
        raise AssertionError("the probabilities never came")

    def _render(
        self,
        unaries: ObjectUnaries,
        strokes: Strokes,
        specs: Mapping[int, ShapeSpec],
        objectives: Mapping[int, float],
    ) -> Iterator[Update]:
        """Make the pixels and replace :attr:`result`."""
        start = STAGES[self.mode][-1]
        probabilities = yield from self._probabilities(unaries)
        start += PROBABILITIES * (1 - start)
        drawn = strokes.points_on(self.raster.shape)
        objects = {}
        for index, (label, spec) in enumerate(specs.items()):
            item = ObjectResult.freeze(
                self._shapes.shape(label),
                label=label,
                shape_name=str(spec),
                frame=self.raster,
                image_frame=self.frame,
                probability=probabilities[label],
                objective=objectives.get(label),
                conflict=self._shapes.conflicts.get(label),
                drawn=drawn,
            )
            for step, _ in enumerate(self._clock.steps(f"render {label}", item.rendering())):
                # How many steps there are depends on the shape; the bar never stands still.
                share = (index + 1 - 1 / (1 + step / RENDER_STEPS)) / len(specs)
                yield Update("render", start + 0.99 * (1 - start) * share, label)
            with self._clock.measure(f"render {label}"):
                _ = item.certificate
            item.seconds.update(self._clock.of(label))
            objects[label] = item
        self.result = Result(objects, str(self.device), self.seed, self._sources, self.frame.shape)
        yield Update("done", 1.0)
