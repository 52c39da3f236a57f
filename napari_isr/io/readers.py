"""Readers of images, scribbles and probabilities."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from napari_isr.errors import InputError
from napari_isr.io.chunked import is_zarr, open_npy, open_tiff, open_zarr
from napari_isr.lazy_arrays import is_lazy

__all__ = [
    "read_array",
    "read_image",
    "read_image_eager",
    "read_probability",
    "read_scribbles",
    "scale_to_probability",
]

TIFF = (".tif", ".tiff")


def read_array(path: str | Path) -> npt.NDArray[Any]:
    """Read any image file as the array that it holds.

    A palette image gives its indices, not its colours: that is how label images are kept.

    Parameters
    ----------
    path : str or Path
        A ``.npy``, ``.tif``, ``.png``, ``.jpg`` ... file.

    Returns
    -------
    array
        (row, column), colour channels last; axes of a TIFF or NPY file as they are.

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    """
    array: npt.NDArray[Any] = _checked(path, colors=False)
    return array


def read_image_eager(path: str | Path) -> npt.NDArray[Any]:
    """Read a picture that is to be segmented, all of it.

    As :func:`read_array`, but a palette image gives its colours, as napari shows them.

    Raises
    ------
    InputError
        As :func:`read_array`.
    """
    array: npt.NDArray[Any] = _checked(path, colors=True)
    return array


def read_image(path: str | Path) -> Any:
    """Open a picture that is to be segmented: large ones are read where they lie.

    Parameters
    ----------
    path : str or Path
        As for :func:`read_image_eager`, or a folder in the form of zarr or OME-Zarr.

    Returns
    -------
    array or list of arrays
        In memory, a memory map, a zarr or dask array; or the levels of a pyramid.

    Raises
    ------
    InputError
        As :func:`read_image_eager`.
    """
    path = Path(path)
    if is_zarr(path):
        found = open_zarr(path)
        first = found[0] if isinstance(found, list) else found
        if first.dtype.kind not in "buif":
            raise InputError(
                f"the file '{path}' holds {first.dtype} values: real numbers are needed"
            )
        return found
    return _checked(path, colors=True, lazy=True)


def _checked(path: str | Path, *, colors: bool, lazy: bool = False) -> Any:
    path = Path(path)
    if not path.exists():
        raise InputError(f"the file '{path}' does not exist: check its name")
    if path.is_dir():
        raise InputError(f"'{path}' is a folder: name an image file")
    try:
        array = _opened(path) if lazy else None
        if array is None:
            array = _read(path, colors)
    except PermissionError:
        raise InputError(f"the file '{path}' may not be read: check its permissions") from None
    except (OSError, ValueError, EOFError, SyntaxError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the file '{path}' cannot be read as an image: {reason}") from None
    first = array[0] if isinstance(array, list) else array
    if first.dtype.kind not in "buif":
        raise InputError(f"the file '{path}' holds {first.dtype} values: real numbers are needed")
    return array


def _opened(path: Path) -> Any:
    """Open a file that can be read in parts, or return None."""
    ending = path.suffix.lower()
    return open_npy(path) if ending == ".npy" else open_tiff(path) if ending in TIFF else None


def _read(path: Path, colors: bool) -> npt.NDArray[Any]:
    if path.suffix.lower() == ".npy":
        array = np.load(path, allow_pickle=False)
        return np.asarray(array)
    if path.suffix.lower() in TIFF:
        import tifffile

        return np.asarray(tifffile.imread(path))
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if colors and image.mode == "P":
                return np.array(image.convert("RGBA" if "transparency" in image.info else "RGB"))
            return np.array(image)  # not Pillow's own memory, which may not be written to
    except UnidentifiedImageError:
        raise ValueError("its format is not known; use PNG, JPEG, TIFF or NPY") from None
    except Image.DecompressionBombWarning as warning:
        raise ValueError(str(warning)) from None


def read_scribbles(path: str | Path) -> Any:
    """Read a label image of strokes: whole numbers, one per pixel; large ones are not loaded.

    Parameters
    ----------
    path : str or Path
        As for :func:`read_image`.

    Returns
    -------
    array
        0 unlabelled, 1 background, 2, 3, … objects; a memory map or a zarr array if it is large.

    Raises
    ------
    InputError
        As :func:`read_array`, or if the file holds colours or fractions.
    """
    path = Path(path)
    array = read_image(path) if is_zarr(path) else _checked(path, colors=False, lazy=True)
    if isinstance(array, list):  # the levels of a pyramid
        array = array[0]
    if is_lazy(array):
        return array
    if array.dtype.kind == "f":
        whole = np.rint(array)
        if not np.array_equal(whole, array):
            raise InputError(f"the strokes in '{path}' are not whole numbers: 0 unlabelled, 1 ...")
        array = whole.astype(np.int64)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.ndim == 3 and array.shape[-1] in (3, 4) and path.suffix.lower() not in (".npy", *TIFF):
        raise InputError(
            f"the strokes in '{path}' are a colour picture: save them as a label image, "
            "0 unlabelled, 1 background, 2 and up objects"
        )
    return array


def read_probability(path: str | Path) -> npt.NDArray[np.float32]:
    """Read probabilities, or a mask, scaled to [0, 1].

    Floats are taken as they are. Whole numbers are a mask if there are at most two of them, and
    are divided by the largest value of their type otherwise.

    Parameters
    ----------
    path : str or Path
        As for :func:`read_array`.

    Returns
    -------
    float32 array
        As large as the file's.

    Raises
    ------
    InputError
        As :func:`read_array`.
    """
    return scale_to_probability(read_array(path), Path(path))


def scale_to_probability(array: npt.NDArray[Any], path: Path) -> npt.NDArray[np.float32]:
    """Scale what :func:`read_array` read from a file as :func:`read_probability` does."""
    if array.ndim == 3 and array.shape[-1] in (3, 4) and path.suffix.lower() not in (".npy", *TIFF):
        raise InputError(
            f"'{path}' is a colour picture: a grey probability or mask image is needed"
        )
    if array.dtype.kind in "ui":
        values = np.unique(array)
        if len(values) <= 2:
            return (array > values[0] if len(values) == 2 else array > 0).astype(np.float32)
        return (array / np.iinfo(array.dtype).max).astype(np.float32)
    return array.astype(np.float32)
