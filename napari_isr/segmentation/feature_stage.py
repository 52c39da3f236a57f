"""Stage that computes the features of an image."""

from __future__ import annotations

from typing import Any

import torch

from napari_isr.features import FeatureCache, FeatureStack, ImageFeatures, SourceImage
from napari_isr.features.edge_refinement import EDGES, EdgeRefiner
from napari_isr.features.edge_refinement_sequence import SequenceEdgeRefiner, make_edge_refiner
from napari_isr.features.plane_features import PlaneFeatureBlock
from napari_isr.features.scribble_proximity import NEARNESS, ScribbleProximity
from napari_isr.geometry.image import ImageGeometry
from napari_isr.predictors import FeatureView
from napari_isr.segmentation.contour_preview import ContourPreview
from napari_isr.segmentation.trained_predictor import TrainedPredictor
from napari_isr.segmentation.transfer import check_same_features

__all__ = ["FeatureStage"]


class FeatureStage:
    """Looks at an image once, when it is first asked.

    Parameters
    ----------
    source : SourceImage
    frame : ImageGeometry
        The image's frame.
    names : tuple of str or None
        The features; None: unaries from elsewhere take their place.
    device : torch.device
    cache : FeatureCache or None
    carried : TrainedPredictor or None
        What was learned from other images: features are made as they were there.
    **weights
        Files of weights, see :class:`napari_isr.features.ImageFeatures`.

    Attributes
    ----------
    nearness, edges, sketch : object or None
        None without such features, and before the image was looked at.
    sources : dict of str to str
        What the features come from, by their names.
    """

    def __init__(
        self,
        source: SourceImage,
        frame: ImageGeometry,
        names: tuple[str, ...] | None,
        device: torch.device,
        cache: FeatureCache | None,
        carried: TrainedPredictor | None,
        **weights: Any,
    ) -> None:
        self.source, self.frame, self.names, self.device = source, frame, names, device
        self.cache, self.carried, self._weights = cache, carried, weights
        self.sources: dict[str, str] = {}
        self.nearness: ScribbleProximity | None = None
        self.edges: EdgeRefiner | SequenceEdgeRefiner | None = None
        self.sketch: ContourPreview | None = None
        self._features: ImageFeatures | None = None
        self._scenes: dict[bool, FeatureView] = {}

    def to(self, device: torch.device) -> FeatureStage:
        """Return a copy on another device, without computed features."""
        known = self.source, self.frame, self.names, device, self.cache, self.carried
        return FeatureStage(*known, **self._weights)

    def compute(self) -> ImageFeatures:
        """Return the features of the image. They are computed once."""
        if self._features is None:
            features = ImageFeatures(
                self.source,
                self.frame,
                self.names if self.names is not None else NEARNESS,  # of no blocks
                cache=self.cache,
                device=self.device,
                bases=self.carried.bases if self.carried is not None else None,
                **self._weights,
            )
            if self.carried is not None:
                check_same_features(self.carried, features)
            self._features = features
            self.sources = features.sources
            known = self.names or ()
            self.nearness = (
                ScribbleProximity(self.source, self.frame) if NEARNESS in known else None
            )
            self.edges = make_edge_refiner(self.source, self.frame) if EDGES in known else None
            if isinstance(self.edges, EdgeRefiner):
                self.sketch = ContourPreview(self.edges, self.nearness, self.device)
        return self._features

    def preview_view(self) -> FeatureView | None:
        """Return the features of a sequence that need no plane maps, or None."""
        features = self.compute()
        if not isinstance(self.edges, SequenceEdgeRefiner) or self.carried is not None:
            return None
        seen = [block for block in features.blocks if not isinstance(block, PlaneFeatureBlock)]
        return FeatureView(FeatureStack(seen), self.frame, self.device)

    def view(self, bare: bool) -> tuple[FeatureView, bool]:
        """Return the view of the features for a predictor, and True if it is new.

        Parameters
        ----------
        bare : bool
            There are no strokes: only features that were carried here.
        """
        features, new = self.compute(), bare not in self._scenes
        if new:
            seen = features.transferable if bare else features
            self._scenes[bare] = FeatureView(seen, self.frame, self.device)
        return self._scenes[bare], new
