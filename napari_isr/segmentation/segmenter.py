"""Segmenter of one image: a cancellable generator of updates that restarts warm."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_isr._timing import StageTimer
from napari_isr.config import SegmentationConfig, resolve_mode
from napari_isr.device import iterate_with_cpu_fallback, resolve_device
from napari_isr.errors import InputError
from napari_isr.features import FeatureCache, SourceImage, parse_features
from napari_isr.features.registry import BlockOrFactory, split_blocks
from napari_isr.geometry.coordinates import Coordinates
from napari_isr.lazy_arrays import MEMORY, result_pixel_budget
from napari_isr.predictors import resolve_predictor_name
from napari_isr.predictors.precomputed import validate_unaries
from napari_isr.rendering.slice_contours import validate_slice
from napari_isr.results.result import Result
from napari_isr.scribbles import BACKGROUND, Scribbles
from napari_isr.segmentation.config_geometry import geometry_from_config
from napari_isr.segmentation.feature_stage import FeatureStage
from napari_isr.segmentation.frame_preview import preview_viewed_frame, viewed_frame_index
from napari_isr.segmentation.joint_stage import alternate, predictor_contours
from napari_isr.segmentation.object_unaries import PrecomputedUnaries, validate_object_unaries
from napari_isr.segmentation.predictor_stage import PredictorStage
from napari_isr.segmentation.render_stage import render_objects
from napari_isr.segmentation.shape_stage import ShapeStage
from napari_isr.segmentation.trained_predictor import TrainedPredictor
from napari_isr.segmentation.transfer import (
    check_transferable,
    detect_objects,
    train_transferable,
    transfer_feature_names,
)
from napari_isr.segmentation.update import Update
from napari_isr.shapes.base import Shape
from napari_isr.shapes.registry import ShapeSpec, check_supported_shapes

__all__ = ["Segmenter", "Update"]

# Ends of the stages on the progress of a run; what is left is for the pixels.
STAGE_PROGRESS_ENDS = {"sequential": (0.4, 0.7, 0.7), "joint": (0.2, 0.4, 0.8)}


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
        :func:`napari_isr.geometry.time_series.make_geometry`.
    predictor, features, mode, device : str, optional
        What to use; ``"auto"`` is the default by measurement.
    seed : int, optional
        Two runs with one seed on one machine give the same result.
    unaries : array, optional
        Unaries from elsewhere instead of a predictor's; see
        :func:`napari_isr.predictors.precomputed.validate_unaries`.
    weights, dino : path, optional
        Weights files of the semantic and the dino features. Default: the installed ones.
    download : bool, optional
        Fetch the weights of the dino features if there is no file; nothing else is ever fetched.
    cache : FeatureCache, optional
        Keeps features of this and other images. Default: those of this image, in memory.
    trained : TrainedPredictor, optional
        What was learned from other images, see :meth:`export_predictor`. Its predictor and its
        features are
        used; strokes are not needed any more, and what they say is learned beside the old.
    most_pixels : int, optional
        A larger image gets results on a coarser raster of the same area, with about so many
        pixels. Default: results have the image's pixels, unless ``memory`` bounds them.
    coordinates : mapping of str to array or CoordinateMap, optional
        Further coordinates by name, ``{"depth": map}``; see :mod:`napari_isr.geometry.coordinates`.
    memory : float, optional
        Megabytes that pixels may take, beside what the program itself needs: of an image that is
        read where it lies (dask, zarr, memory maps, pyramids) and of results. Default: 256 for
        such images; no bound for others.
    config : SegmentationConfig, optional
        All settings at once, instead of the keyword arguments above.
    blocks : mapping, optional
        Feature blocks of other packages, keyed by name, which the features of ``config`` name.

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
        features: str | Sequence[str | BlockOrFactory] = "auto",
        mode: str = "auto",
        device: str = "auto",
        seed: int = 0,
        unaries: Any = None,
        weights: str | os.PathLike[str] | None = None,
        dino: str | os.PathLike[str] | None = None,
        download: bool = False,
        cache: FeatureCache | None = None,
        trained: TrainedPredictor | None = None,
        most_pixels: int | None = None,
        coordinates: Coordinates | None = None,
        memory: float | None = None,
        config: SegmentationConfig | None = None,
        blocks: Mapping[str, BlockOrFactory] | None = None,
    ) -> None:
        features, given_blocks = split_blocks(features)
        self._blocks = {**(blocks or {}), **given_blocks}
        config = SegmentationConfig.from_keywords(
            config,
            axes=axes,
            spacing=spacing,
            predictor=predictor,
            features=features,
            mode=mode,
            device=device,
            seed=seed,
            weights=weights,
            dino=dino,
            download=download,
            most_pixels=most_pixels,
            memory=memory,
        )
        config.check_ndim(ndim)
        budget = MEMORY if config.memory is None else config.memory
        self.config = config
        self.source = SourceImage(image, ndim, memory=budget, frames=config.is_sequence)
        self.frame = geometry_from_config(config, self.source.shape, coordinates)
        most_pixels = config.most_pixels
        if most_pixels is None and (config.memory is not None or self.source.is_lazy):
            most_pixels = result_pixel_budget(budget, ndim)
        self.raster = self.frame.downsampled(most_pixels)
        self.mode = resolve_mode(config.mode)
        self.predictor_name = resolve_predictor_name(config.predictor)
        self.features_name = parse_features(
            config.features, ndim, config.is_sequence, tuple(self._blocks)
        )
        self.unaries = None if unaries is None else validate_unaries(unaries, self.frame)
        self.carried = trained
        if trained is not None:
            self._carry(trained)
        self.device = resolve_device(config.device)
        self.seed, self.cache = config.seed, cache
        self.result = Result({}, str(self.device), self.seed)
        self._sight = FeatureStage(
            self.source,
            self.frame,
            self.features_name if unaries is None else None,
            self.device,
            cache,
            trained,
            weights=config.weights,
            dino=config.dino,
            download=config.download,
            blocks=self._blocks,
        )
        self._learner = PredictorStage(
            self._sight, self.predictor_name, self.unaries, trained, self.seed, self.device
        )
        self._given: dict[int, PrecomputedUnaries] = {}
        self._shapes = ShapeStage(self.frame, self.device)
        self._clock = StageTimer()

    def _carry(self, trained: TrainedPredictor) -> None:
        """Look at the image as at those that the predictor was trained on."""
        if self.unaries is not None:
            raise InputError("unaries and a trained predictor are both given: choose one of them")
        check_transferable(trained, self.source, self.frame.ndim, self.config)
        self.predictor_name = trained.predictor
        self.features_name = transfer_feature_names(trained, self.config.is_sequence)
        if trained.dtype == self.source.data.dtype.str:
            self.source.span = trained.span

    def set_view_plane(self, plane: Sequence[float | None]) -> None:
        """Set the slice whose contours are in updates, such as ``(5, None, None)`` for slice 5.

        Raises
        ------
        InputError
            If it is no plane of the image.
        """
        self._shapes.plane = validate_slice(plane, self.frame)

    look_at = set_view_plane  # Name in version 0.1.0.

    def object_labels(self, strokes: Scribbles) -> tuple[int, ...]:
        """Labels of the objects that a run with these strokes finds, rising."""
        return self._learner.objects(strokes)

    objects = object_labels  # Name in version 0.1.0.

    def export_predictor(
        self, scribbles: npt.NDArray[np.integer] | Scribbles | None = None
    ) -> TrainedPredictor:
        """Train a predictor that can be carried to other images.

        Normalised cuts, nearness and edges are left out: they belong to their image. All else is
        trained on the same strokes, and on those of the images before if it was carried here.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array or Scribbles, optional
            What to learn from. Default: the strokes of the last run.

        Raises
        ------
        InputError
            If nothing can be learned, or nothing that means something in another image.
        """
        if self.unaries is not None:
            raise InputError("unaries from elsewhere teach nothing that could be carried")
        strokes = self._learner.strokes
        if scribbles is not None:
            strokes = (
                scribbles
                if isinstance(scribbles, Scribbles)
                else Scribbles.from_label_image(scribbles)
            )
            strokes.validate(self.frame.shape, complete=self.carried is None)
        if self.carried is not None and (strokes is None or not len(strokes.labels)):
            return self.carried
        if strokes is None:
            raise InputError("nothing was learned yet that could be carried: run on strokes first")
        return train_transferable(
            self._sight.compute(),
            self.frame,
            self.source,
            self.predictor_name,
            (BACKGROUND, *self.object_labels(strokes)),
            strokes.sample(self.seed),
            self.carried,
            self.seed,
            self.device,
        )

    trained = export_predictor  # Name in version 0.1.0.

    def run(
        self,
        scribbles: npt.NDArray[np.integer] | Scribbles,
        shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec] | None = None,
        given: Mapping[int, Any] | None = None,
        sketch: bool = False,
    ) -> Iterator[Update]:
        """Fit predictor and shapes to the strokes; the last update means :attr:`result` is new.

        Close the generator to stop: what is fitted so far stays, and the next run starts from
        there.

        Parameters
        ----------
        scribbles : (n1, ..., nd) integer array or Scribbles
            0 unlabelled, 1 background, 2, 3, ... objects.
        shapes : str, ShapeSpec or mapping, optional
            One shape for all objects, or one for each label; labels that a mapping leaves out
            get ``convex``. Default: those of the configuration.
        given : mapping of int to array, optional
            Objects whose unaries are from elsewhere: by label probabilities in [0, 1] or a mask,
            each as large as the image. They need no strokes; those that they have are honoured.
            If no other object has strokes, no predictor is trained and no stroke is needed.
        sketch : bool, optional
            Begin with outlines that are quickly made from what the last run found, where it was of
            the same objects: see :class:`napari_isr.segmentation.contour_preview.ContourPreview`.
            The result is the
            same.

        Yields
        ------
        Update

        Raises
        ------
        InputError
            If strokes, shapes or what is given do not fit.
        """
        reached = 0.0
        for update in iterate_with_cpu_fallback(
            self.device, lambda device: self._run_on(device, scribbles, shapes, given, sketch)
        ):
            reached = max(reached, update.progress)  # which begins anew on another device
            yield update if update.progress == reached else replace(update, progress=reached)

    def _run_on(
        self,
        device: torch.device,
        scribbles: npt.NDArray[np.integer] | Scribbles,
        shapes: str | ShapeSpec | Mapping[int, str | ShapeSpec] | None,
        given: Mapping[int, Any] | None,
        sketch: bool,
    ) -> Iterator[Update]:
        if device != self.device:
            self.device, self._shapes = device, self._shapes.to(device)
            self._learner = self._learner.to(device)
            self._sight = self._learner.sight
        strokes = (
            scribbles if isinstance(scribbles, Scribbles) else Scribbles.from_label_image(scribbles)
        )
        self._given = validate_object_unaries(given, self.frame, self._given)
        strokes.validate(self.frame.shape, self._given, complete=self.carried is None)
        config = self.config if shapes is None else self.config.replace(shape=shapes)
        labels = sorted({*self.object_labels(strokes), *self._given})
        specs = {label: ShapeSpec.parse(text) for label, text in config.shapes_for(labels).items()}
        check_supported_shapes(self.frame, (spec.name for spec in specs.values()))
        self._clock = StageTimer()
        trained, projected, refined = STAGE_PROGRESS_ENDS[self.mode]
        yield Update("features", 0.0)
        quick = self._sight.sketch if sketch else None
        if quick is not None and not self._given:
            yield from quick.iter_contours(strokes, self._shapes.fitted(specs))
        if self._shapes.is_unfitted and viewed_frame_index(self._shapes) is not None:
            preview = self._learner.train_preview(strokes)
            if preview is not None:
                yield from preview_viewed_frame(preview, strokes, specs, self._shapes, self._clock)
        unaries = yield from self._learner.train(strokes, self._given, trained, self._clock)
        if not self._shapes.is_unfitted:
            yield from preview_viewed_frame(unaries, strokes, specs, self._shapes, self._clock)
        if self.carried is not None:
            specs = {k: specs[k] for k in detect_objects(unaries, list(specs), strokes)}
        yield from predictor_contours(unaries, specs, trained, self._shapes, self._clock)
        self._shapes.conflicts.clear()
        span = trained, projected
        objectives = yield from self._shapes.run(unaries, strokes, specs, span, self._clock)
        if self.mode == "joint" and objectives and unaries.learned is not None:
            span = projected, refined
            unaries = yield from alternate(
                unaries, strokes, specs, objectives, span, self._learner, self._shapes, self._clock
            )
        items = yield from render_objects(
            unaries,
            strokes,
            specs,
            objectives,
            self._shapes,
            (self.frame, self.raster),
            STAGE_PROGRESS_ENDS[self.mode][-1],
            self._clock,
        )
        sources = self._sight.sources
        self.result = Result(items, str(self.device), self.seed, sources, self.frame.shape)
        yield Update("done", 1.0)
        if self._sight.nearness is not None:
            self._sight.nearness.prefactorize()  # now that nobody waits
        if sketch and self._sight.sketch is not None:
            self._sight.sketch.update(unaries, strokes)

    def restore(self, result: Result) -> None:
        """Warm-start the next run with the shapes of an earlier result of this image.

        Parameters
        ----------
        result : Result
            Its shapes are copied.
        """
        for label, item in result.objects.items():
            self.warm_start(label, ShapeSpec.parse(item.shape_name), item.shape)

    def warm_start(self, label: int, spec: ShapeSpec, shape: Shape | None) -> None:
        """Warm-start the next fit of an object with a copy of a fitted shape.

        Parameters
        ----------
        label : int
        spec : ShapeSpec
            What the shape was built from.
        shape : Shape, optional
        """
        self._shapes.warm_start(label, spec, shape)

    start_from = warm_start  # Name in version 0.1.0.
