"""Discovery of images in files, folders, patterns and zarr stores."""

from __future__ import annotations

import glob
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_isr.batch.config import BatchItem
from napari_isr.errors import InputError
from napari_isr.io.chunked import is_zarr
from napari_isr.io.export import known_extensions
from napari_isr.io.sequences import ENDINGS, WILD, list_sequence_files

__all__ = ["find_items", "find_strokes", "list_images", "read_spacing"]

STROKES = (".strokes", "-strokes", "_strokes")
RESERVED = {"summary"}  # the batch's own summary.csv
UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "meter": "m"}


def find_items(images: Iterable[str | Path], *, each: bool = False) -> list[BatchItem]:
    """List the images of files, folders, patterns and zarr stores.

    Parameters
    ----------
    images : iterable of path
        A file; a folder, whose pictures and zarr stores are taken; a pattern such as
        ``"data/**/*.tif"``; a zarr array, an OME-Zarr image, or a group or plate of several.
    each : bool, optional
        Whether every object gets a file of its own, ``name-2.png``.

    Returns
    -------
    list of BatchItem
        Without strokes; each image once, its name told apart from all others.

    Raises
    ------
    InputError
        If something is not there, or there is no image.
    """
    places: dict[tuple[str, str], None] = {}
    for text in images:
        for path in _expanded(str(text)):
            for inner in list_images(path) if is_zarr(path) else [""]:
                places[str(path.absolute()), inner] = None
    if not places:
        raise InputError("there are no images: name files, folders or patterns in quotes")
    return _named([BatchItem(_name(*place), *place) for place in places], each)


def find_strokes(items: Sequence[BatchItem], folder: Path) -> list[BatchItem]:
    """Give the items the strokes of a folder that are named after them.

    ``cup.png`` has the strokes ``cup.png`` or ``cup.tif`` of the folder, or ``cup.strokes.png``,
    ``cup-strokes.png``, ``cup_strokes.png``.

    Raises
    ------
    InputError
        If the folder is not there, or none of its files belongs to an image.
    """
    if not folder.is_dir():
        raise InputError(f"the folder of strokes '{folder}' does not exist: check its name")
    files = {p.stem: str(p.absolute()) for p in sorted(folder.iterdir()) if _is_picture(p)}
    found = []
    for item in items:
        stem = _name(item.path, item.inner)
        names = [stem, *(stem + ending for ending in STROKES)]
        fits = [files[name] for name in names if files.get(name, item.path) != item.path]
        found.append(replace(item, strokes=fits[0] if fits else None))
    if all(item.strokes is None for item in found):
        raise InputError(
            f"no file in '{folder}' is named after an image: the strokes of 'cup.png' are "
            "'cup.png', 'cup.tif' or 'cup-strokes.png' there"
        )
    return found


def _expanded(text: str) -> Iterator[Path]:
    path = Path(text).expanduser()
    if path.exists():
        yield from _inside(path) if path.is_dir() and not is_zarr(path) else [path]
        return
    if WILD.search(text) is None:
        raise InputError(f"'{text}' does not exist: check its name")
    # Path.glob wants a relative pattern; this one may begin anywhere.
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
    wanted = [Path(p) for p in found if not _is_strokes(Path(p))]
    # What lies in a zarr store is a part of an image, not an image.
    wanted = [p for p in wanted if not any(is_zarr(folder) for folder in p.parents)]
    several = [p for p in wanted if p.is_file() or is_zarr(p)]
    if not several:
        raise InputError(f"the pattern '{text}' fits no image: check it")
    yield from several


def _inside(folder: Path) -> list[Path]:
    """Pictures and zarr stores of a folder, not of its folders."""
    stores = sorted(p for p in folder.iterdir() if p.is_dir() and is_zarr(p))
    try:
        pictures = list_sequence_files(folder)
    except InputError:
        if not stores:
            raise InputError(
                f"the folder '{folder}' holds no image: name files, or a pattern in quotes such "
                f"as '{folder}/**/*.tif'"
            ) from None
        pictures = []
    return [p for p in pictures if not _is_strokes(p)] + stores


def _is_strokes(path: Path) -> bool:
    return path.stem.endswith(STROKES)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def _name(path: str, inner: str) -> str:
    """Return the name of an image: the stem of its file, and its position in a store."""
    place = Path(path)
    stem = place.stem if is_zarr(place) or place.suffix.lower() != "" else place.name
    stem = stem.removesuffix(".ome")
    # 'a.polygons' and the ending '.json' would be the file of another format.
    further = {Path(e).stem for e in known_extensions() if e.count(".") > 1}
    if Path(stem).suffix.lower() in further:
        stem = stem.replace(".", "_")
    return "-".join([stem, *inner.split("/")]) if inner else stem


def _named(items: list[BatchItem], each: bool) -> list[BatchItem]:
    """Return the items with names that are unique even if the file system ignores case."""
    count = Counter(item.name.casefold() for item in items)

    def clashes(name: str) -> bool:
        before, _, label = name.rpartition("-")
        taken = each and label.isdecimal() and before in count
        return count[name] > 1 or name in RESERVED or taken

    return [
        replace(item, name=f"{item.name}-{_digest(item)}")
        if clashes(item.name.casefold())
        else item
        for item in items
    ]


def _digest(item: BatchItem) -> str:
    return hashlib.sha256(item.uri.encode()).hexdigest()[:8]


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
    """Read the spacing and unit of an OME-Zarr image.

    Parameters
    ----------
    path : Path
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
    """Return the first multiscale record of an OME-Zarr group of either version, or None."""
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
