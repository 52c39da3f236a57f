"""Task of a batch worker: read, segment and write one image."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from napari_isr.batch.config import BatchItem, BatchSettings
from napari_isr.batch.records import (
    RECORDS,
    THUMBNAILS,
    WORK,
    file_size,
    file_stamp,
    is_done,
    read_record,
)
from napari_isr.errors import InputError

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["TaskOutcome", "process_item"]


@dataclass(frozen=True)
class TaskOutcome:
    """Outcome of one image. Its record holds the details.

    Parameters
    ----------
    name : str
    status : {"done", "failed"}
    error : str
        What went wrong; empty if nothing did.
    new : bool
        Whether this task wrote the results, not another one before it.
    """

    name: str
    status: str
    error: str = ""
    new: bool = True


@dataclass(frozen=True)
class _LoadedImage:
    """An image and what it says of itself."""

    pixels: Any
    spacing: tuple[float | None, ...]
    unit: str


def process_item(item: BatchItem, settings: BatchSettings, out: str, trained: str) -> TaskOutcome:
    """Segment one image and write its results; nothing that can happen to it is raised.

    Results are written in a folder of their own and moved to their places together, their record
    last, so that they are there whole or not at all, whenever the worker is killed.

    Parameters
    ----------
    item : BatchItem
    settings : BatchSettings
    out : str
        The output folder.
    trained : str
        File of what was learned elsewhere; empty if nothing.
    """
    import torch

    torch.set_num_threads(1)
    folder = Path(out)
    if is_done(read_record(folder, item.name), item, settings, folder):
        return TaskOutcome(item.name, "done", new=False)
    start = time.perf_counter()
    record: dict[str, Any] = {
        "name": item.name,
        "image": item.uri,
        "strokes": item.strokes,
        "settings": settings.content_hash,
        "stamps": [file_stamp(item.path), file_stamp(item.strokes)],
    }
    (folder / WORK).mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{item.name}-", dir=folder / WORK))
    try:
        try:
            record |= {"status": "done", "error": ""} | _segment(item, settings, work, trained)
        except Exception as error:  # one bad image must not stop the others
            told = str(error) if isinstance(error, InputError) else _unexpected(error)
            record |= {"status": "failed", "error": told, "files": {}}
            if not isinstance(error, InputError):
                record["traceback"] = traceback.format_exc()
        record["seconds"] = round(time.perf_counter() - start, 3)
        new = _put_in_place(work, record, item, settings, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return TaskOutcome(item.name, record["status"], record["error"], new)


def _segment(item: BatchItem, settings: BatchSettings, work: Path, trained: str) -> dict[str, Any]:
    """Write all results into the folder ``work``; what the record says of them."""
    from napari_isr.batch.report import write_thumbnail
    from napari_isr.io.export import ExportData, write_export
    from napari_isr.io.readers import read_scribbles

    learned = _learned(trained) if trained else None
    picture = _read(item, settings)
    strokes = None if item.strokes is None else read_scribbles(Path(item.strokes))
    if strokes is None and learned is None:
        raise InputError("there are no strokes for this image, and nothing was learned elsewhere")
    result = _result(picture, strokes, settings, learned)
    if not result.objects:
        raise InputError("no object was found")
    content = ExportData.from_result(
        result,
        settings.scale,
        names=settings.names,
        unit=picture.unit,
        axes=settings.axes,
        image=Path(item.path).name,
        strokes=strokes,
    )
    files: list[Path] = []
    for ending in settings.formats:
        files += write_export(work / f"{item.name}{ending}", content, each=settings.each)
    (work / THUMBNAILS).mkdir()
    write_thumbnail(work / THUMBNAILS / f"{item.name}.webp", picture.pixels, result)
    return {
        "files": {path.name: file_size(path) for path in files},
        "size": list(result.image_shape),
        "names": {str(label): settings.names.get(label, "") for label in result.objects},
        "report": result.to_dict(),
    }


def _read(item: BatchItem, settings: BatchSettings) -> _LoadedImage:
    from napari_isr.batch.discovery import read_spacing
    from napari_isr.io.chunked import is_zarr
    from napari_isr.io.readers import read_image

    path = Path(item.path)
    spacing, unit = read_spacing(path, item.inner) if is_zarr(path) else ((), "")
    pixels = read_image(path / item.inner)
    return _LoadedImage(pixels, settings.spacing or spacing, settings.unit or unit)


def _result(
    picture: _LoadedImage,
    strokes: npt.NDArray[np.integer[Any]] | None,
    settings: BatchSettings,
    learned: TrainedPredictor | None,
) -> Result:
    from napari_isr.api import segment
    from napari_isr.scribbles import Scribbles

    labels = {*(learned.object_labels if learned else ())}
    labels |= {*(Scribbles.from_label_image(strokes).objects if strokes is not None else ())}
    # An image need not have all objects of the batch.
    config = settings.config.for_labels(labels).replace(spacing=picture.spacing)
    return segment(picture.pixels, strokes, trained=learned, config=config)


@lru_cache(maxsize=2)
def _learned(path: str) -> TrainedPredictor:
    """Read once for each worker; the file is named after its content."""
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

    return TrainedPredictor.load(path)


def _put_in_place(
    work: Path, record: dict[str, Any], item: BatchItem, settings: BatchSettings, out: Path
) -> bool:
    """Move the results to their places, the record last; False if another worker did so first."""
    note = work / "record.json"
    note.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    # A worker that was given up for dead may still live and have the same task.
    with FileLock(out / WORK / f"{item.name}.lock"):
        if is_done(read_record(out, item.name), item, settings, out):
            return False
        for name in record["files"]:
            if (out / name).is_dir():  # a zarr store of other settings
                (out / name).replace(work / f"old-{name}")
            (work / name).replace(out / name)
        thumbnail = Path(THUMBNAILS) / f"{item.name}.webp"
        if (work / thumbnail).exists():
            (work / thumbnail).replace(out / thumbnail)
        note.replace(out / RECORDS / f"{item.name}.json")
    return True


def _unexpected(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {first}".rstrip(": ")
