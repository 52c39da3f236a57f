"""Images in zarr stores: plain arrays, OME-Zarr, and groups or plates that hold several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_isr.errors import InputError

__all__ = ["list_images", "read_spacing"]

UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "meter": "m"}


def list_images(path: Path) -> list[str]:
    """Places of the images in a store: one empty place if it is itself an image.

    Raises
    ------
    InputError
        If zarr is not installed, or the store is broken or holds no image.
    """
    found = list(_walk(_open(path), ""))
    if not found:
        raise InputError(f"the zarr store '{path}' holds no image")
    return found


def read_spacing(path: Path, inner: str = "") -> tuple[tuple[float, ...], str]:
    """What an OME-Zarr image says of itself.

    Parameters
    ----------
    path : BoxTrack
        The store.
    inner : str, optional
        Place of the image in it.

    Returns
    -------
    spacing : tuple of float
        Distance of pixel centres along each axis that is no channel and has more than one
        element; empty if it is not told.
    unit : str
        Of the spacing; empty if it is not told.

    Raises
    ------
    InputError
        If zarr is not installed or the store is broken.
    """
    node = _open(path)
    try:
        node = node[inner] if inner else node
        scales = _multiscales(node)
        if scales is None or not scales.get("axes"):
            return (), ""
        first = scales["datasets"][0]
        return _spacing(node[str(first["path"])].shape, scales["axes"], first)
    except Exception as error:  # a broken store can raise anything
        raise _corrupt_store_error(path, error) from None


def _open(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"'{path}' is a zarr store, which needs the package zarr: pip install "
            "'napari-isr[batch]'"
        ) from None
    try:
        return zarr.open(str(path), mode="r")
    except Exception as error:  # a broken store can raise anything
        raise _corrupt_store_error(path, error) from None


def _corrupt_store_error(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"the zarr store '{path}' cannot be read: {reason}")


def _walk(node: Any, place: str) -> Iterator[str]:
    if hasattr(node, "shape"):
        if node.ndim > 1:
            yield place
    elif _multiscales(node) is not None:
        yield place
    else:
        for name, member in sorted(node.members()):
            yield from _walk(member, f"{place}/{name}" if place else name)


def _multiscales(node: Any) -> Mapping[str, Any] | None:
    """What an OME-Zarr group says of its first image, in either version; None for others."""
    about = node.attrs.get("ome") or node.attrs
    found = about.get("multiscales") if isinstance(about, Mapping) or about is node.attrs else None
    return found[0] if found and not hasattr(node, "shape") else None


def _spacing(
    shape: tuple[int, ...], axes: Any, about: Mapping[str, Any]
) -> tuple[tuple[float, ...], str]:
    axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in axes]
    steps: list[float] = []
    for change in about.get("coordinateTransformations") or ():
        if change.get("type") == "scale":
            steps = [float(step) for step in change["scale"]]
    rows = range(len(shape))
    space = [i for i in rows if axes[i]["name"] != "c" and (shape[i] > 1 or i >= len(shape) - 2)]
    unit = next((UNITS.get(axes[i].get("unit", ""), "") for i in reversed(space)), "")
    return tuple(steps[i] for i in space) if steps else (), unit
