"""napari-isr in the configurations that the accuracy benchmark compares."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_isr.config import MODES
from napari_isr.features import feature_names
from napari_isr.predictors import predictor_names
from napari_isr.segmentation.segmenter import Segmenter

__all__ = ["CONFIGURATIONS", "Configuration", "Ours"]

OBJECT = 2
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Configuration:
    """Settings of a user. The default "auto" stands for the defaults of the package."""

    predictor: str = "auto"
    features: tuple[str, ...] = ("auto",)
    mode: str = "auto"

    @property
    def name(self) -> str:
        if self == Configuration():
            return "defaults"
        if self == Configuration(mode="joint"):
            return "defaults, joint"
        return f"{self.predictor} {'+'.join(self.features)} {self.mode}"

    def missing(self) -> str | None:
        """Return the setting that this version of the package lacks, or None."""
        for kind, wanted, known in (
            ("predictor", (self.predictor,), predictor_names()),
            ("features", self.features, feature_names()),
            ("mode", (self.mode,), MODES),
        ):
            for name in wanted:
                if name not in (*known, "auto"):
                    return f"{kind} '{name}'"
        return None


CONFIGURATIONS = (
    Configuration(),
    Configuration(mode="joint"),
    *(
        Configuration(predictor, features, mode)
        for predictor, features, mode in product(
            ("fcn", "cnn"),
            (("rgb", "semantic"), ("rgb", "spatial", "semantic")),
            ("sequential", "joint"),
        )
    ),
)


class Ours:
    """One segmenter at work on one image; later updates start from the fit before.

    Parameters
    ----------
    configuration : Configuration
        What to use.
    shape : str
        The object's shape.
    """

    def __init__(self, configuration: Configuration, shape: str) -> None:
        self.configuration = configuration
        self.shape = shape

    def start(self, image: NDArray) -> None:
        """Take an image, (H, W) or (H, W, 3)."""
        chosen = self.configuration
        self.segmenter = Segmenter(
            image, predictor=chosen.predictor, features=",".join(chosen.features), mode=chosen.mode
        )

    def update(self, strokes: NDArray) -> Mask:
        """Segment with all strokes so far (0 unlabelled, 1 background, 2 object)."""
        for _ in self.segmenter.run(strokes, self.shape):
            pass
        return self.segmenter.result.objects[OBJECT].mask

    @property
    def predictor_mask(self) -> Mask:
        """Mask of the predictor alone after the last update."""
        return self.segmenter.result.objects[OBJECT].probability > 0.5
