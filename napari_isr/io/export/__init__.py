"""Export of results to files. The extension selects the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.atomic_files import atomic_directory, atomic_write
from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.formats import (
    FORMATS,
    ExportFormat,
    check_writable,
    export_formats,
    format_for_path,
    register_export_format,
    split_extension,
)
from napari_isr.io.export.probability_maps import check_map_writable, write_uncertainty

if TYPE_CHECKING:
    from napari_isr.results.result import Result

__all__ = [
    "FORMATS",
    "ExportData",
    "ExportFormat",
    "check_map_writable",
    "check_writable",
    "export_formats",
    "format_for_path",
    "known_extensions",
    "register_export_format",
    "write",
    "write_export",
    "write_labels",
    "write_uncertainty",
]


def known_extensions() -> list[str]:
    """Return the file extensions that :func:`write` accepts."""
    return [ending for one in export_formats() for ending in one.extensions]


def write(
    result: Result,
    path: str | Path,
    *,
    scale: float | Sequence[float] = 1,
    each: bool = False,
    names: Mapping[int, str] | None = None,
    spacing: Sequence[float] = (),
    unit: str = "",
    axes: str | None = None,
    image: str = "",
    strokes: npt.NDArray[np.integer[Any]] | None = None,
) -> list[Path]:
    """Write a result; its files are there whole or not at all.

    Parameters
    ----------
    result : Result
        What :func:`napari_isr.segment` or :func:`napari_isr.project` gave.
    path : str or Path
        Its ending picks the format, see ``docs/export.md``: ``.png``, ``.tif``, ``.ome.tif``,
        ``.zarr``, ``.npy``, ``.npz``, ``.json`` and ``.polygons.json`` (COCO), ``.geojson``,
        ``.zip`` (ImageJ), ``.svg``, ``.csv``, ``.probabilities.tif``, ``.uncertainty.tif``,
        ``.strokes.png`` ...
    scale : float or sequence of float, optional
        Output pixels per pixel of the image; shapes are evaluated afresh, not enlarged. The
        coordinates of outlines are those of an image so many times as large.
    each : bool, optional
        One file for each object, ``mask-2.png``, ``mask-3.png``, ...
    names : mapping of int to str, optional
        Of the objects, by label.
    spacing : sequence of float, optional
        Distance of the centres of the image's pixels. Default: what it was fitted with.
    unit : str, optional
        Of the spacing, for example ``"um"``.
    axes : str, optional
        What the axes are. Default: ``"yx"``, ``"zyx"`` or ``"tzyx"``.
    image : str, optional
        Name of the image's file, which COCO files tell.
    strokes : integer array, optional
        For the formats that hold strokes.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the ending is unknown, the format cannot hold this, or the place cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_isr as isr
    >>> disc = np.hypot(*(np.mgrid[:40, :40] - 20)) < 12
    >>> isr.write(isr.project(disc), "disc.svg", scale=4)  # doctest: +SKIP
    [PosixPath('disc.svg')]
    """
    check_writable(path)
    content = ExportData.from_result(
        result,
        scale,
        names=names,
        spacing=spacing,
        unit=unit,
        axes=axes,
        image=image,
        strokes=strokes,
    )
    return write_export(path, content, each=each)


def write_export(path: str | Path, content: ExportData, *, each: bool = False) -> list[Path]:
    """Write what was made ready for it; :func:`write` says the rest."""
    target = check_writable(path)
    kind = format_for_path(target)
    if not kind.accepts_labels and content.result is None and kind.per_object:
        raise InputError("a label image holds no probabilities: write them from a result")
    parts = {target: content}
    if each and kind.per_object:
        stem, ending = split_extension(target)
        parts = {
            target.with_name(f"{stem}-{one.label}{ending}"): content.select(one.label)
            for one in content.objects
        }
        for place in parts:
            check_writable(place)
    for place, shown in parts.items():
        with (atomic_directory if kind.is_directory else atomic_write)(place) as temporary:
            kind.write(temporary, shown)
    return list(parts)


def write_labels(
    path: str | Path,
    labels: npt.NDArray[np.integer[Any]],
    *,
    names: Mapping[int, str] | None = None,
    spacing: Sequence[float] = (),
    unit: str = "",
) -> Path:
    """Write a label image; the file is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        Its ending picks the format; outlines follow the pixels.
    labels : (n1, ..., nd) integer array
        0 and the objects' labels.
    names, spacing, unit : optional
        See :func:`write`.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If the ending is unknown, the format cannot hold the labels, or the place cannot be
        written to.
    """
    check_writable(path)
    content = ExportData.from_labels(labels, names=names, spacing=spacing, unit=unit)
    return write_export(path, content)[0]
