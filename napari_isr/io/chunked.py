"""Lazy readers of zarr, OME-Zarr, large TIFF and NPY files."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from napari_isr.errors import InputError

__all__ = ["LAZY_FILE_BYTES", "is_zarr", "open_npy", "open_tiff", "open_zarr"]

LAZY_FILE_BYTES = 2**26  # bytes from which a TIFF or NPY file is not loaded whole
MARKS = (".zarray", ".zgroup", "zarr.json")  # files by which a folder is known to be zarr


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and any((path / name).is_file() for name in MARKS)


def open_zarr(path: Path) -> Any:
    """Open an array, or the levels of an image by the rules of OME-Zarr (0.4 and 0.5).

    Axes of one element that are neither row nor column are left out, and channels come last.

    Raises
    ------
    InputError
        If zarr is not installed, or the folder holds no image.
    """
    zarr = _zarr(path)
    try:
        found = zarr.open(str(path), mode="r")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' cannot be read as zarr: {_first_line(error)}") from None
    if hasattr(found, "shape"):
        return found
    about = dict(found.attrs)
    scales = about.get("ome", about).get("multiscales")
    try:
        if scales:
            levels = [found[one["path"]] for one in scales[0]["datasets"]]
            names = [a["name"] if isinstance(a, dict) else a for a in scales[0].get("axes", [])]
            return _in_order(levels, names)
        arrays = [array for _, array in found.arrays()]
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"'{path}' is no OME-Zarr image: {_first_line(error)}") from None
    if len(arrays) != 1:
        raise InputError(
            f"'{path}' holds {len(arrays)} arrays and does not say which is the image: name one "
            "of the folders in it"
        )
    return arrays[0]


def open_npy(path: Path) -> Any:
    """Map a large NPY file into memory; load a small one."""
    large = path.stat().st_size > LAZY_FILE_BYTES
    return np.load(path, allow_pickle=False, mmap_mode="r" if large else None)


def open_tiff(path: Path) -> Any:
    """Open a large TIFF file as its levels, read in tiles; load a small one.

    Without zarr a file that is not compressed is mapped into memory.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        large = int(np.prod(series.shape)) * series.dtype.itemsize > LAZY_FILE_BYTES
        count = len(series.levels)
        mapped = series.dataoffset is not None
    if not large:
        return np.asarray(tifffile.imread(path))
    if mapped:
        return tifffile.memmap(path, mode="r")
    zarr = _zarr(path)
    levels = []
    for level in range(count):
        store = tifffile.imread(path, aszarr=True, level=level, series=0)
        levels.append(zarr.open(store, mode="r"))
        weakref.finalize(levels[-1], store.close)  # its file, when nobody reads it any more
    return levels if count > 1 else levels[0]


def _in_order(levels: list[Any], names: list[str]) -> Any:
    """Levels without axes of one element, channels last."""
    keep = [a for a, n in enumerate(levels[0].shape) if n > 1 or a >= levels[0].ndim - 2]
    kept = [names[a] if a < len(names) else "" for a in keep]
    last = "c" in kept
    if len(keep) == levels[0].ndim and (not last or kept[-1] == "c"):
        return levels if len(levels) > 1 else levels[0]
    try:
        import dask.array as da
    except ImportError:
        raise InputError(
            "this OME-Zarr image has its channels first: install dask to read it"
        ) from None
    found = []
    for level in levels:
        index = tuple(slice(None) if a in keep else 0 for a in range(level.ndim))
        array = da.from_array(level, chunks=level.chunks)[index]
        found.append(da.moveaxis(array, kept.index("c"), -1) if last else array)
    return found if len(found) > 1 else found[0]


def _zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"to read '{path}' zarr is needed: pip install 'napari-isr[large]'"
        ) from None
    return zarr


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
