"""Sample images with scribbles. Loading one needs no network, no Qt and no torch."""

from __future__ import annotations

from collections.abc import Callable

from napari_isr.data import photos
from napari_isr.data.fruit import fruit
from napari_isr.data.photos import motorcycle
from napari_isr.data.sample import Sample
from napari_isr.errors import InputError, suggest_name

__all__ = ["SAMPLES", "Sample", "load_sample"]

SAMPLES: dict[str, Callable[[], Sample]] = {
    "fruit": fruit,
    "coffee": photos.coffee,
    "cat": photos.cat,
    "coins": photos.coins,
    "cell": photos.cell,
    "motorcycle": motorcycle,
}


def load_sample(name: str) -> Sample:
    """Load a sample by its name.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.

    Returns
    -------
    sample : Sample
        Picture, strokes and, where it is known, the truth.

    Raises
    ------
    InputError
        If there is no such sample; the message names the nearest.

    Examples
    --------
    >>> load_sample("coins").image.shape
    (303, 384)
    """
    if name not in SAMPLES:
        raise InputError(f"no sample is called {name!r}: {suggest_name(name, SAMPLES)}")
    return SAMPLES[name]()
