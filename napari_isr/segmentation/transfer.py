"""Transfer of trained predictors between images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_isr.config import SegmentationConfig
from napari_isr.errors import InputError
from napari_isr.features import ImageFeatures, SourceImage, parse_features
from napari_isr.features.edge_refinement import EDGES
from napari_isr.features.scribble_proximity import NEARNESS
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors import (
    FeatureView,
    LogisticRegression,
    PixelClassifier,
    Predictor,
    make_predictor,
    resolve_predictor_name,
)
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.object_unaries import ObjectUnaries
from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = [
    "check_same_features",
    "check_transferable",
    "detect_objects",
    "one_hot_targets",
    "resume_predictor",
    "train_transferable",
    "transfer_feature_names",
]

SHARE = 0.3  # weight of a sample of other images, where one of this image weighs 1
KEEP = 2400  # samples of each class that are carried on; they are those of some four images


def check_transferable(
    trained: TrainedPredictor,
    image: SourceImage,
    ndim: int,
    config: SegmentationConfig,
) -> None:
    """Raise an InputError unless a trained predictor can be used on an image.

    Parameters
    ----------
    trained : TrainedPredictor
        What was learned elsewhere.
    image : SourceImage
        The image.
    ndim : int
        Number of its axes.
    config : SegmentationConfig
        The settings that the user asked for.
    """
    if trained.ndim != ndim:
        raise InputError(
            f"the predictor was trained on images of {trained.ndim} axes, but this one has {ndim}: "
            "train one on an image like this"
        )
    if trained.channels != image.channels:
        raise InputError(
            f"the predictor was trained on images of {_channels(trained.channels)}, but this one "
            f"has {_channels(image.channels)}: train one on an image like this"
        )
    predictor, features = config.predictor, config.features
    if predictor != "auto" and resolve_predictor_name(predictor) != trained.predictor:
        raise InputError(
            f"the trained predictor is '{trained.predictor}', not '{predictor}': leave the choice "
            "of the predictor out, or do not carry it"
        )
    asked = None if features == "auto" else parse_features(features, ndim, config.is_sequence)
    if asked is not None and set(asked) != {*trained.features, *trained.local}:
        raise InputError(
            f"the features {','.join(asked)} are not those of the trained predictor "
            f"({','.join(trained.features)}): leave the choice out, or do not carry it"
        )


def check_same_features(trained: TrainedPredictor, features: ImageFeatures) -> None:
    """Raise an InputError unless the features of an image mean what those of the training did."""
    names = [block.name for block in features.transferable.blocks]
    missing = [name for name in trained.features if name not in names]
    if missing:
        raise InputError(
            f"the trained predictor needs the features '{missing[0]}', for which there are no "
            "weights here: name the weights file that it was trained with"
        )
    for name, version in features.versions.items():
        if trained.versions.get(name) != version:
            raise InputError(
                f"the trained predictor saw the features '{name}' of another network or version: "
                "name the weights file that it was trained with, or train it again"
            )


def resume_predictor(
    trained: TrainedPredictor, classes: tuple[int, ...], scene: FeatureView, seed: int
) -> Predictor:
    """Make a predictor that goes on from what was learned.

    Of features that the image has beside the carried ones the samples of other images say
    nothing: there they are 0, the mean. A linear predictor can live with that.

    Parameters
    ----------
    trained : TrainedPredictor
        What was learned.
    classes : tuple of int
        What is to be told apart now: all that was, and perhaps more.
    scene : PaintedScene
        Where.
    seed : int
        Of a predictor that has to begin anew, as there are further classes.

    Raises
    ------
    InputError
        If there are further classes, and the predictor remembers no samples.
    """
    if classes == trained.classes and scene.width == trained.samples.shape[1]:
        predictor = trained.build(seed)
    else:
        predictor = make_predictor(trained.predictor, scene.width, len(classes), seed)
        if not isinstance(predictor, PixelClassifier):
            raise InputError(
                f"a trained predictor '{trained.predictor}' learns no further objects: use "
                "'linear' or 'fcn', or do not carry it"
            )
    if isinstance(predictor, PixelClassifier):
        samples = torch.zeros(len(trained.labels), scene.width, device=scene.device)
        samples[:, transferred_columns(trained, scene)] = torch.from_numpy(trained.samples).to(
            scene.device
        )
        targets = one_hot_targets(trained.labels, classes).to(scene.device)
        predictor.set_replay_samples(samples, targets, SHARE)
    return predictor.to(scene.device)


def train_transferable(
    features: ImageFeatures,
    frame: ImageGeometry,
    image: SourceImage,
    predictor: str,
    classes: tuple[int, ...],
    strokes: tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]],
    before: TrainedPredictor | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> TrainedPredictor:
    """Train a predictor on the features of strokes that mean something in other images, too.

    Parameters
    ----------
    features, frame, image
        The image, and what is seen of it.
    predictor : str
        Which predictor.
    classes : tuple of int
        Labels that it shall tell apart.
    strokes : (n, d) array, (n,) array of int
        Pixel coordinates and labels.
    before : TrainedPredictor, optional
        What was carried to this image.
    seed : int, optional
        Of the predictor.
    device : torch.device or str, optional
        Where to compute.

    Raises
    ------
    InputError
        If none of the features can be carried.
    """
    if not features.transferable.blocks:
        raise InputError(
            "these features mean nothing in another image: add rgb, texture or semantic to them"
        )
    points, labels = strokes
    scene = FeatureView(features.transferable, frame, device)
    if before is not None:
        made = resume_predictor(before, classes, scene, seed)
    else:
        made = make_predictor(predictor, scene.width, len(classes), seed).to(device)
    targets = one_hot_targets(labels, classes).to(device)
    for _ in made.fit(scene, points.astype(np.float64), targets, targets.sum(1)):
        pass
    samples = features.transferable.at(points.astype(np.float64))
    if before is not None:
        samples = np.concatenate([before.samples, samples])
        labels = np.concatenate([before.labels, labels])
    kept = _thinned(labels, seed)
    return TrainedPredictor(
        predictor,
        tuple(block.name for block in features.transferable.blocks),
        tuple(name for name in features.names if name not in features.normalizations),
        classes,
        frame.ndim,
        image.channels,
        image.data.dtype.str,
        image.span,
        features.normalizations,
        features.versions,
        {name: value.detach().cpu().clone() for name, value in made.state_dict().items()},
        samples[kept],
        labels[kept].astype(np.int64),
    )


def transferred_columns(trained: TrainedPredictor, scene: FeatureView) -> list[int]:
    """Return the indices of the transferred features among those of an image."""
    found: list[int] = []
    start = 0
    for block in scene.features.blocks:
        if block.name in trained.features:
            found += range(start, start + block.width)
        start += block.width
    return found


def transfer_feature_names(trained: TrainedPredictor, in_time: bool = False) -> tuple[str, ...]:
    """Return the names of the features that a transferred predictor needs."""
    planes = trained.ndim - in_time == 2
    local = tuple(name for name in trained.local if planes or name != EDGES)
    if trained.predictor != LogisticRegression.name:  # whose width depends on the blocks
        local = (NEARNESS, *(name for name in local if name == EDGES))
    return parse_features((*trained.features, *local), trained.ndim, in_time)


def detect_objects(unaries: ObjectUnaries, labels: Sequence[int], strokes: Scribbles) -> list[int]:
    """Objects that are drawn, given, or found by a carried predictor; others are not here.

    Raises
    ------
    InputError
        If there are none.
    """
    found = [
        label
        for label in labels
        if label in strokes.objects
        or label in unaries.given
        or bool((unaries.coarse(label) > 0.5).any())
    ]
    if not found:
        raise InputError(
            "nothing in this image looks like an object that was learned: draw a stroke on it"
        )
    return found


def one_hot_targets(labels: npt.NDArray[np.integer], classes: tuple[int, ...]) -> Tensor:
    """Rows (n, classes) with a 1 for the class of each label."""
    index = torch.from_numpy(np.searchsorted(classes, labels))
    return torch.nn.functional.one_hot(index, len(classes)).float()


def _thinned(labels: npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.int64]:
    """Return indices of at most ``KEEP`` samples of each label, in their order."""
    draw = np.random.default_rng(seed)
    kept = []
    for label in np.unique(labels):
        index = np.flatnonzero(labels == label)
        kept.append(draw.choice(index, KEEP, replace=False) if len(index) > KEEP else index)
    return np.sort(np.concatenate(kept))


def _channels(count: int) -> str:
    return f"{count} channel{'s' * (count != 1)}"
