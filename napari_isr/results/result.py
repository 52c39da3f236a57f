"""Result of a segmentation: objects, device, seed and sources."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.results.object_result import ObjectResult, iou
from napari_isr.results.rendered_shape import Mask
from napari_isr.stroke_suggestion import StrokeSuggestion, elementwise_max

__all__ = ["ObjectResult", "Result", "iou", "package_versions"]

PACKAGES = ("napari-isr", "torch", "numpy", "scipy", "scikit-image")


def package_versions() -> dict[str, str]:
    """Versions of Python, this package and what its results depend on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


@dataclass(frozen=True)
class Result:
    """All objects of one image.

    With a single object, its attributes (``mask``, ``probability``, ``certificate``, ``shape``,
    ``contours()``, ``render()``, ``logit()``, ...) can be asked of the result itself.

    Parameters
    ----------
    objects : mapping of int to ObjectResult
        By label.
    device : str
        Where it was computed.
    seed : int
        Of the predictor.
    sources : mapping of str to str
        What the features come from, by their names.
    image_shape : tuple of int
        Size of the image, which may have more pixels than the results; empty: they are the same.
    """

    objects: Mapping[int, ObjectResult]
    device: str = "cpu"
    seed: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    image_shape: tuple[int, ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Attributes of the only object."""
        if name.startswith("_") or (not hasattr(ObjectResult, name) and name not in _FIELDS):
            raise AttributeError(f"a result has no '{name}'")
        if len(self.objects) != 1:
            raise AttributeError(
                f"there are {len(self.objects)} objects: ask one of them, "
                f"for example result.objects[{min(self.objects, default=2)}].{name}"
            )
        return getattr(next(iter(self.objects.values())), name)

    @property
    def uncertainty(self) -> npt.NDArray[np.float32]:
        """Largest :attr:`ObjectResult.uncertainty` of all objects, from 0 to 1."""
        return elementwise_max(item.uncertainty for item in self.objects.values())

    @property
    def next_stroke(self) -> StrokeSuggestion | None:
        """Suggestion of the most informative next stroke of all objects, or None.

        In pixels of the image.
        """
        found = [item.next_stroke for item in self.objects.values()]
        places = [place for place in found if place is not None]
        best = max(places, key=lambda place: place.score, default=None)
        if best is None or not self.image_shape:
            return best
        frame = self.objects[best.label].frame
        sizes = zip(best.point, frame.shape, self.image_shape, strict=True)
        point = tuple((x + 0.5) * image / n - 0.5 for x, n, image in sizes)
        return replace(best, point=point)

    def labels(
        self, scale: float | Sequence[float] = 1, *, shape: Sequence[int] | None = None
    ) -> npt.NDArray[np.uint16]:
        """Return one label image of all objects. The higher label is on top where they overlap.

        Parameters
        ----------
        scale : float or sequence of float, optional
            Output pixels per pixel of the image. Default: those of the masks.
        shape : sequence of int, optional
            Size of the output in pixels, instead of ``scale``.

        Returns
        -------
        (n1, ..., nd) uint8 or uint16 array
            0 and the objects' labels.
        """

        def drawn(item: ObjectResult) -> Mask:
            size = item.frame.shape if shape is None else tuple(shape)
            if size == item.frame.shape and np.all(np.asarray(scale) == 1):
                return item.mask
            return item.render(scale, shape=shape)

        layers = {label: drawn(item) for label, item in sorted(self.objects.items())}
        dtype = np.uint8 if max(layers) < 256 else np.uint16
        image = np.zeros(next(iter(layers.values())).shape, dtype=dtype)
        for label, mask in layers.items():
            image[mask] = label
        return image

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as ``report.json`` holds them."""
        return {
            "objects": {str(label): item.to_dict() for label, item in self.objects.items()},
            "features": dict(self.sources),
            "versions": package_versions(),
            "device": self.device,
            "seed": self.seed,
        }

    report = to_dict  # Name in version 0.1.0.


_FIELDS = frozenset(ObjectResult.__dataclass_fields__)
