"""What there is to be seen of an image: features, and what strokes mean near them and at edges."""

from __future__ import annotations

from typing import Any

import torch

from napari_isr.features import Blocks, FeatureCache, Features, SourceImage
from napari_isr.features.edges import EDGES, Edges
from napari_isr.features.film_edges import FilmEdges, edges_of
from napari_isr.features.maps import MapBlock
from napari_isr.features.nearness import NEARNESS, Nearness
from napari_isr.frame import Frame
from napari_isr.predictors import Scene
from napari_isr.segmenting.sketch import Sketch
from napari_isr.unaries.carrying import check_features
from napari_isr.unaries.trained import Trained

__all__ = ["Sight"]


class Sight:
    """Looks at an image once, when it is first asked.

    Parameters
    ----------
    source : SourceImage
    frame : Frame
        The image's frame.
    names : tuple of str or None
        The features; None: unaries from elsewhere take their place.
    device : torch.device
    cache : FeatureCache or None
    carried : Trained or None
        What was learned from other images: features are made as they were there.
    **weights
        Files of weights, see :class:`napari_isr.features.Features`.

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
        frame: Frame,
        names: tuple[str, ...] | None,
        device: torch.device,
        cache: FeatureCache | None,
        carried: Trained | None,
        **weights: Any,
    ) -> None:
        self.source, self.frame, self.names, self.device = source, frame, names, device
        self.cache, self.carried, self._weights = cache, carried, weights
        self.sources: dict[str, str] = {}
        self.nearness: Nearness | None = None
        self.edges: Edges | FilmEdges | None = None
        self.sketch: Sketch | None = None
        self._features: Features | None = None
        self._scenes: dict[bool, Scene] = {}

    def on(self, device: torch.device) -> Sight:
        """The same on another device, where all is looked at anew."""
        known = self.source, self.frame, self.names, device, self.cache, self.carried
        return Sight(*known, **self._weights)

    def look(self) -> Features:
        """The features of the image; made once."""
        if self._features is None:
            features = Features(
                self.source,
                self.frame,
                self.names if self.names is not None else NEARNESS,  # of no blocks
                cache=self.cache,
                device=self.device,
                bases=self.carried.bases if self.carried is not None else None,
                **self._weights,
            )
            if self.carried is not None:
                check_features(self.carried, features)
            self._features = features
            self.sources = features.sources
            known = self.names or ()
            self.nearness = Nearness(self.source, self.frame) if NEARNESS in known else None
            self.edges = edges_of(self.source, self.frame) if EDGES in known else None
            if isinstance(self.edges, Edges):
                self.sketch = Sketch(self.edges, self.nearness, self.device)
        return self._features

    def quick(self) -> Scene | None:
        """What a predictor sees at once of a sequence with edges, its maps not being made."""
        features = self.look()
        if not isinstance(self.edges, FilmEdges) or self.carried is not None:
            return None
        seen = [block for block in features.blocks if not isinstance(block, MapBlock)]
        return Scene(Blocks(seen), self.frame, self.device)

    def scene(self, bare: bool) -> tuple[Scene, bool]:
        """What a predictor sees, and whether it is new.

        Parameters
        ----------
        bare : bool
            There are no strokes: only features that were carried here.
        """
        features, new = self.look(), bare not in self._scenes
        if new:
            seen = features.carried if bare else features
            self._scenes[bare] = Scene(seen, self.frame, self.device)
        return self._scenes[bare], new
