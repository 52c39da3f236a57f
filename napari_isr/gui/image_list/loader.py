"""Loader of image files with their autosaved scribbles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import InputError
from napari_isr.io.readers import read_image_eager
from napari_isr.io.session import Snapshot, SnapshotStore, image_key

__all__ = ["LoadedImage", "load_image"]

log = logging.getLogger(__name__)

COLORS = (3, 4)  # channels of a picture that is shown in colour


@dataclass(frozen=True)
class LoadedImage:
    """An image as a layer takes it.

    Parameters
    ----------
    data : (H, W), (H, W, 3) or (H, W, 4) array
    limits : (float, float)
        Values that are shown black and white.
    kept : Snapshot or None
        Strokes and settings of another session.
    """

    data: npt.NDArray[Any]
    limits: tuple[float, float]
    kept: Snapshot | None = None

    @property
    def rgb(self) -> bool:
        """True for a color image."""
        return self.data.ndim == 3


def load_image(path: Path, store: SnapshotStore | None = None) -> LoadedImage | str:
    """Read a file; a sentence that says what is wrong if it is no image of two dimensions.

    Parameters
    ----------
    path : Path
        The file.
    store : SnapshotStore, optional
        Where strokes of other sessions may be kept.
    """
    try:
        data = _pixels(path)
        return LoadedImage(data, _limits(data), _kept(data, store))
    except InputError as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    except Exception as error:  # whatever a broken file makes a decoder raise
        log.warning("'%s' could not be read", path, exc_info=error)
        return f"'{path.name}' could not be read ({type(error).__name__})."


def _pixels(path: Path) -> npt.NDArray[Any]:
    array = read_image_eager(path)
    if array.ndim == 3 and array.shape[-1] not in COLORS:
        array = array.squeeze()
    if array.ndim == 3 and array.shape[0] in COLORS and array.shape[-1] not in COLORS:
        array = np.ascontiguousarray(np.moveaxis(array, 0, -1))
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] in COLORS):
        size = " x ".join(map(str, array.shape))
        raise InputError(
            f"'{path.name}' is no grey or colour image of two dimensions (its size is {size})"
        )
    if 0 in array.shape:
        raise InputError(f"'{path.name}' is empty")
    return array


def _limits(data: npt.NDArray[Any]) -> tuple[float, float]:
    """Found here and not by napari, which would look at all pixels in the GUI thread."""
    if data.dtype == np.uint8:
        return 0.0, 255.0
    step = max(1, int((data.size / 200_000) ** 0.5))
    seen = data[::step, ::step].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    return low, high if high > low else low + 1


def _kept(data: npt.NDArray[Any], store: SnapshotStore | None) -> Snapshot | None:
    if store is None or not (store.folder / "images").is_dir():
        return None
    found = store.latest(image_key(data))
    if found is None or found.strokes is None or found.strokes.shape != data.shape[:2]:
        return None
    return found if found.strokes.any() else None
