"""Writers of Labels layers for napari's Save."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.notifications import show_error

from napari_isr.errors import InputError
from napari_isr.io.export import write_labels

__all__ = ["write_layer"]


def write_layer(path: str, data: Any, about: dict[str, Any]) -> list[str]:
    """Write a Labels layer; the file is there whole or not at all.

    Parameters
    ----------
    path : str
        Its ending picks the format, see :func:`napari_isr.write`.
    data : integer array
        The labels; of several resolutions the finest.
    about : dict
        What else napari knows of the layer.

    Returns
    -------
    list of str
        What was written; nothing if it could not be, which the user is told in one sentence.
    """
    labels = data[0] if isinstance(data, list | tuple) or about.get("multiscale") else data
    try:
        spacing, unit = _placed(about, np.ndim(labels))
        return [str(write_labels(path, np.asarray(labels), spacing=spacing, unit=unit))]
    except InputError as error:
        show_error(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return []


def _placed(about: dict[str, Any], ndim: int) -> tuple[tuple[float, ...], str]:
    """Return size and unit of the pixels of a layer on a regular grid."""
    scale = tuple(abs(float(s)) for s in np.atleast_1d(about.get("scale", ())))
    units = about.get("units") or ("",)
    unit = str(units[-1]) if not isinstance(units, str) else units
    return (scale if len(scale) == ndim and all(scale) else ()), unit
