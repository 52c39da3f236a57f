"""Demonstration: segmentation of a bundled sample, with output files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_isr.api import segment
from napari_isr.atomic_files import check_file_writable
from napari_isr.data import load_sample
from napari_isr.errors import InputError
from napari_isr.io.export import write_labels
from napari_isr.io.export.csv import write_report
from napari_isr.io.export.overlay import write_overlay
from napari_isr.results.result import iou

__all__ = ["run_demo"]


def run_demo(name: str, folder: Path) -> Iterator[str]:
    """Segment a sample, write mask, overlay and report, and say what was found.

    Parameters
    ----------
    name : str
        Of the sample.
    folder : Path
        Where the files go; made if its parent exists.

    Yields
    ------
    str
        Lines for the user.

    Raises
    ------
    InputError
        If the sample is unknown or the folder cannot be written to.
    """
    sample = load_sample(name)
    ensure_directory(folder)
    mask, overlay, report = (
        folder / f"{name}-{part}" for part in ("mask.png", "overlay.png", "report.json")
    )
    for path in (mask, overlay, report):
        check_file_writable(path)
    result = segment(
        sample.image, sample.scribbles, sample.shapes, coordinates=sample.coordinates or None
    )
    yield f"{sample.title}: {sample.image.shape[0]} x {sample.image.shape[1]} pixels"
    for label, item in result.objects.items():
        yield f"object {label}: {item.certificate.message}"
        if sample.truth is not None:
            truth = sample.truth[label]
            alone = iou(item.probability > 0.5, truth)
            yield (
                f"object {label}: IoU with its whole true outline "
                f"{iou(item.mask, truth):.3f} ({alone:.3f} without the shape)"
            )
    write_labels(mask, result.labels())
    write_overlay(overlay, sample.image, result)
    write_report(report, result.to_dict())
    for title, path in (("mask", mask), ("overlay", overlay), ("report", report)):
        yield f"{title}: {path}"


def ensure_directory(folder: Path) -> None:
    """Make one folder, not its parents: a mistyped path is an error."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder '{folder}' cannot be made: {error.strerror or error}"
        ) from None
