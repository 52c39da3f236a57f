"""Trained predictor that can be stored and transferred to other images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from napari_isr.atomic_files import atomic_write
from napari_isr.errors import InputError
from napari_isr.features import Bases, parse_features
from napari_isr.predictors import Predictor, make_predictor, resolve_predictor_name
from napari_isr.scribbles import BACKGROUND

__all__ = ["TrainedPredictor"]

Array = npt.NDArray[Any]
KEY = "napari-isr"  # of the description in the file's header
LARGEST = 2**28  # bytes of a file that is read


class _About(BaseModel):
    """The description in the header of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["trained predictor"]
    version: Literal[1]
    predictor: str
    features: list[str]
    local: list[str]
    versions: dict[str, str]
    classes: list[int]
    ndim: int
    channels: int
    dtype: str


@dataclass(frozen=True)
class TrainedPredictor:
    """A trained predictor with all that it needs to mean the same in another image.

    :meth:`napari_isr.Segmenter.export_predictor` makes one; ``Segmenter(image, trained=...)`` and
    ``segment(image, trained=...)`` use it.

    Parameters
    ----------
    predictor : str
        Its name.
    features : tuple of str
        Names of the features that it sees, in their order.
    local : tuple of str
        Names of further features that belong to one image each. Where there are strokes, a linear
        predictor learns them anew.
    classes : tuple of int
        Labels that it tells apart: 1 for the background, 2, 3, ... objects.
    ndim, channels, dtype : int, int, str
        Axes, channels and type of the images.
    span : (low, high)
        Values (c,) of the channels that count as 0 and 1, in images of the same type.
    bases : mapping
        What the features are standardised and reduced by.
    versions : mapping of str to str
        What the features depend on beside the pixels, such as a network's weights.
    weights : mapping of str to tensor
        Of the predictor.
    samples : (n, width) float32 array
        Features of stroke pixels that it was trained on, so that it can be trained further.
    labels : (n,) array of int
        Their labels.
    """

    predictor: str
    features: tuple[str, ...]
    local: tuple[str, ...]
    classes: tuple[int, ...]
    ndim: int
    channels: int
    dtype: str
    span: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    bases: Bases
    versions: Mapping[str, str]
    weights: Mapping[str, Tensor]
    samples: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    @property
    def object_labels(self) -> tuple[int, ...]:
        """Labels of the objects that it knows."""
        return self.classes[1:]

    objects = object_labels  # Name in version 0.1.0.

    def build(self, seed: int = 0) -> Predictor:
        """Make the predictor.

        Raises
        ------
        InputError
            If the weights are not those of such a predictor.
        """
        made = make_predictor(self.predictor, self.samples.shape[1], len(self.classes), seed)
        try:
            made.load_state_dict(dict(self.weights))
        except RuntimeError as error:
            raise InputError(
                f"the weights are not those of a predictor '{self.predictor}' of "
                f"{self.samples.shape[1]} features and {len(self.classes)} classes"
            ) from error
        made.mark_trained()
        return made

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write all to one file: safetensors, described by JSON in its header.

        Parameters
        ----------
        path : path
            The ending ``.safetensors`` is added if there is none.

        Returns
        -------
        Path
            The file, which is there whole or not at all.
        """
        target = Path(path).expanduser()
        if not target.suffix:
            target = target.with_suffix(".safetensors")
        with atomic_write(target) as place:
            place.write_bytes(self.to_bytes())
        return target

    def to_bytes(self) -> bytes:
        """Encode the predictor as the content of a file."""
        from safetensors.numpy import save

        about = _About(
            kind="trained predictor",
            version=1,
            predictor=self.predictor,
            features=list(self.features),
            local=list(self.local),
            versions=dict(self.versions),
            classes=list(self.classes),
            ndim=self.ndim,
            channels=self.channels,
            dtype=self.dtype,
        )
        return bytes(save(self._arrays(), {KEY: about.model_dump_json()}))

    def _arrays(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {"span/low": self.span[0], "span/high": self.span[1]}
        arrays |= {"samples/features": self.samples, "samples/labels": self.labels}
        arrays |= {f"weights/{k}": v.detach().cpu().numpy() for k, v in self.weights.items()}
        for block, basis in self.bases.items():
            arrays |= {f"bases/{block}/{name}": value for name, value in basis.items()}
        return {name: np.ascontiguousarray(value) for name, value in arrays.items()}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainedPredictor:
        """Read what :meth:`save` wrote; nothing in the file is ever run.

        Raises
        ------
        InputError
            If the file cannot be read, is no trained predictor, or is damaged.
        """
        place = Path(path).expanduser()
        try:
            if place.stat().st_size > LARGEST:
                raise InputError(
                    f"'{place}' is too large to be a trained predictor: check its name"
                )
            content = place.read_bytes()
        except OSError as error:
            raise InputError(
                f"the trained predictor '{place}' cannot be read: {error.strerror or error}"
            ) from error
        return cls.from_bytes(content, str(place))

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> TrainedPredictor:
        """Read what :meth:`to_bytes` made; ``name`` is for the sentence if it is damaged."""
        about, arrays = _read(content, name)
        try:
            return cls._checked(about, arrays)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            said = str(error) if isinstance(error, InputError) else f"{error} is missing or wrong"
            raise InputError(
                f"the trained predictor '{name}' is damaged: {said}; save it again"
            ) from error

    @classmethod
    def _checked(cls, about: _About, arrays: Mapping[str, Array]) -> TrainedPredictor:
        bases: dict[str, dict[str, Array]] = {name: {} for name in about.features}
        for key, value in arrays.items():
            if key.startswith("bases/"):
                _, block, name = key.split("/")
                bases[block][name] = _floats(key, value)
        samples, labels = arrays["samples/features"], arrays["samples/labels"]
        classes = tuple(about.classes)
        span = _floats("span/low", arrays["span/low"]), _floats("span/high", arrays["span/high"])
        if classes != tuple(sorted(set(classes))) or classes[0] != BACKGROUND or len(classes) < 2:
            raise InputError(f"its classes are {list(classes)}")
        if labels.dtype != np.int64 or not np.isin(labels, classes).all():
            raise InputError("the labels of its samples are not its classes")
        if samples.ndim != 2 or labels.shape != samples.shape[:1]:
            raise InputError("it has not one label for each sample")
        if not 2 <= about.ndim <= 4 or span[0].shape != span[1].shape != (about.channels,):
            raise InputError("its axes and channels do not fit")
        if _width(about, bases) != samples.shape[1]:
            raise InputError("its features do not fit its samples")
        found = cls(
            resolve_predictor_name(about.predictor),
            parse_features(about.features),
            parse_features(about.local) if about.local else (),
            classes,
            about.ndim,
            about.channels,
            about.dtype,
            span,
            bases,
            about.versions,
            {
                key.removeprefix("weights/"): torch.from_numpy(_floats(key, value))
                for key, value in arrays.items()
                if key.startswith("weights/")
            },
            _floats("samples/features", samples),
            labels,
        )
        found.build()
        return found


def _width(about: _About, bases: Bases) -> int:
    """Return the number of features, or raise if a normalization is invalid."""
    widths = []
    for name in about.features:
        if name == "spatial":
            widths.append(about.ndim)
        elif name == "rgb":
            shapes = {bases[name][k].shape for k in ("mean", "deviation")}
            if shapes != {(about.channels,)}:
                raise InputError("the basis of 'rgb' does not fit the channels")
            widths.append(about.channels)
        else:
            mean, matrix = bases[name]["mean"], bases[name]["matrix"]
            if matrix.ndim != 2 or mean.shape != matrix.shape[:1]:
                raise InputError(f"the basis of '{name}' does not fit itself")
            widths.append(matrix.shape[1])
    return sum(widths)


def _floats(key: str, value: Array) -> npt.NDArray[np.float32]:
    """Check that an array holds finite 32-bit floats, and return it."""
    if value.dtype != np.float32 or not np.isfinite(value).all():
        raise InputError(f"'{key}' holds something else than finite 32-bit numbers")
    return value


def _read(content: bytes, name: str) -> tuple[_About, dict[str, Array]]:
    """Return description and arrays of a file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)  # which checks the header, too
        length = int.from_bytes(content[:8], "little")
        text = (json.loads(content[8 : 8 + length]).get("__metadata__") or {}).get(KEY)
        if text is None:
            raise InputError(
                f"'{name}' holds tensors, but no trained predictor: name a file that "
                "--save-trained or Trained.save wrote"
            )
        return _About.model_validate(json.loads(text)), arrays
    except ValidationError as error:
        where = error.errors()[0]
        wrong = ".".join(map(str, where["loc"]))
        raise InputError(
            f"the trained predictor '{name}' is of another version or damaged ({wrong}: "
            f"{where['msg']}): save it again"
        ) from error
    except (SafetensorError, ValueError, TypeError, AttributeError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the trained predictor '{name}' is damaged or no such file: save it again"
        ) from error
