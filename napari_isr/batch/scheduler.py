"""Scheduler of a batch: it submits unfinished images and collects their records."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from napari_isr.batch.config import BatchItem, BatchSettings
from napari_isr.batch.dask_client import check_distributed, connect_client, raise_if_disconnected
from napari_isr.batch.discovery import find_items, find_strokes
from napari_isr.batch.records import RECORDS, THUMBNAILS, WORK, is_done, read_record, write_failure
from napari_isr.batch.report import write_report, write_summary
from napari_isr.batch.worker import TaskOutcome, process_item
from napari_isr.errors import InputError

if TYPE_CHECKING:
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["BatchResult", "run_batch"]

AHEAD = 8  # tasks that wait for each thread of a worker: more would only fill the scheduler
ASK_AGAIN = 1.0  # seconds after which workers may have come or gone
TRIES = 3  # of a task whose workers died again and again


@dataclass(frozen=True)
class BatchResult:
    """Outcome of a batch.

    Parameters
    ----------
    records : list of dict
        One for each image in their order: ``name``, ``image``, ``status`` (``"done"``,
        ``"failed"`` or ``"open"`` if it was stopped before), ``error``, ``files``, ``report`` …
    new : int
        Images that were worked on now.
    summary, report : Path
        The CSV and the HTML file.
    """

    records: list[dict[str, Any]]
    new: int
    summary: Path
    report: Path

    def by_status(self, status: str) -> list[dict[str, Any]]:
        """Return the records of one status."""
        return [record for record in self.records if record["status"] == status]

    @property
    def message(self) -> str:
        """Outcome in one sentence."""
        done, failed, left = (len(self.by_status(s)) for s in ("done", "failed", "open"))
        parts = [f"{done} of {len(self.records)} images are done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{left} are left: the same command goes on from here"] if left else []
        return ", ".join(parts)


def run_batch(
    images: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    strokes: str | Path | None = None,
    session: str | Path | None = None,
    trained: str | Path | TrainedPredictor | None = None,
    formats: Sequence[str] = (".png",),
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
    **settings: Any,
) -> BatchResult:
    """Segment many images on a dask cluster, and go on where an earlier call stopped.

    Parameters
    ----------
    images : path or iterable of paths
        Files, folders, patterns, zarr arrays, OME-Zarr images or plates.
    out : path
        The output folder, made if need be.
    strokes : path, optional
        A folder of strokes named after the images.
    session : path, optional
        An ``.isr`` file: what its predictor learned, its shapes, names and spacing are used.
    trained : path or TrainedPredictor, optional
        What a predictor learned elsewhere.
    formats : sequence of str, optional
        Endings of the files to be written, see :func:`napari_isr.write`.
    workers : int, optional
        Processes on this machine. Default: one for each core.
    scheduler : str, optional
        Address of a dask scheduler, instead.
    progress : bool, optional
        Show a bar with the time that is left on stderr.
    **settings
        Of :class:`BatchSettings`: ``shape``, ``own_shapes``, ``mode``, ``scale`` …

    Returns
    -------
    BatchResult
        A single image that fails does not raise: its record says why.

    Raises
    ------
    InputError
        If there is nothing to work on or to learn from, or the cluster or the output folder
        cannot be used.
    KeyboardInterrupt
        If it was stopped; summary and report of what is done are written.
    """
    check_distributed()
    several = [images] if isinstance(images, str | Path) else list(images)
    chosen = BatchSettings(formats=check_formats(formats), **settings)
    items = find_items(several, each=chosen.each)
    if strokes is not None:
        items = find_strokes(items, Path(strokes).expanduser())
    learned, chosen = _what_was_learned(session, trained, chosen, given=settings.keys())
    if learned is None and strokes is None:
        raise InputError("there is nothing to learn from: give strokes, a session or a predictor")
    folder = Path(out).expanduser().absolute()
    with _claim_output_folder(folder, items):
        content = b"" if learned is None else learned.to_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32] if content else ""
        chosen = replace(chosen, trained=digest)
        todo = [i for i in items if not is_done(read_record(folder, i.name), i, chosen, folder)]
        new = 0
        try:
            for outcome in _work_through(
                todo, chosen, folder, content, workers, scheduler, len(items), progress
            ):
                new += outcome.new
        finally:
            records = [_record(item, chosen, folder) for item in items]
            files = folder / "summary.csv", folder / "report.html"
            write_summary(files[0], records)
            write_report(files[1], records)
    return BatchResult(records, new, *files)


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the unique extensions with their dots.

    Raises
    ------
    InputError
        If one is not known, or there is none.
    """
    from napari_isr.io.export import format_for_path

    found = dict.fromkeys(f".{one.strip().lower().lstrip('.')}" for one in formats)
    if not found:
        raise InputError("there is no format to write: name one, for example png")
    for ending in found:
        format_for_path(f"mask{ending}")
    return tuple(found)


def _what_was_learned(
    session: str | Path | None,
    trained: str | Path | TrainedPredictor | None,
    settings: BatchSettings,
    given: Iterable[str],
) -> tuple[TrainedPredictor | None, BatchSettings]:
    """Return the predictor, and the settings completed by those of a session."""
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

    if session is not None and trained is not None:
        raise InputError("a session and a trained predictor are both given: choose one of them")
    if session is not None:
        from napari_isr.batch.config import settings_from_session

        learned, told = settings_from_session(Path(session).expanduser())
        asked = {*given, *(("own_shapes",) if "shape" in given else ())}
        return learned, replace(settings, **{k: v for k, v in told.items() if k not in asked})
    if trained is None or isinstance(trained, TrainedPredictor):
        return trained, settings
    return TrainedPredictor.load(trained), settings


@contextmanager
def _claim_output_folder(folder: Path, items: Sequence[BatchItem]) -> Iterator[None]:
    """Make the output folder and keep other batches out of it."""
    inputs = [Path(p) for item in items for p in (item.path, item.strokes) if p is not None]
    if folder in {path.parent for path in inputs}:
        raise InputError(
            f"the output folder '{folder}' holds images or strokes, which results could replace: "
            "choose another one"
        )
    try:
        for name in (RECORDS, THUMBNAILS, WORK):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
        lock = FileLock(folder / WORK / "batch.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"another batch is writing to '{folder}': wait for it, or choose another folder"
        ) from None
    except OSError as error:
        raise InputError(
            f"the output folder '{folder}' cannot be written to: {error.strerror or error}"
        ) from None
    try:
        for left in (folder / WORK).iterdir():  # of a batch that was killed
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()
        shutil.rmtree(folder / WORK, ignore_errors=True)


def _work_through(
    todo: Sequence[BatchItem],
    settings: BatchSettings,
    out: Path,
    learned: bytes,
    workers: int | None,
    scheduler: str | None,
    total: int,
    progress: bool,
) -> Iterator[TaskOutcome]:
    """Outcomes as they come, with a bar."""
    if not todo:
        return
    from tqdm import tqdm

    # A file and not a message: whatever workers come and go, it is there.
    trained = out / WORK / f"{settings.trained}.safetensors"
    if learned:
        trained.write_bytes(learned)
    arguments = settings, str(out), str(trained) if learned else ""
    bar = tqdm(total=total, initial=total - len(todo), unit="image", disable=not progress)
    failed = 0
    with bar, connect_client(workers, scheduler) as client:
        for outcome in raise_if_disconnected(_outcomes(client, todo, arguments)):
            failed += outcome.status == "failed"
            if failed:
                bar.set_postfix(failed=failed, refresh=False)
            bar.update()
            yield outcome


def _outcomes(
    client: Any, todo: Sequence[BatchItem], arguments: tuple[Any, ...]
) -> Iterator[TaskOutcome]:
    """Hand tasks to the cluster as it finishes others; those of dead workers again."""
    from distributed import as_completed

    waiting, running = iter(todo), as_completed()
    about: dict[str, tuple[BatchItem, int]] = {}

    def submit(item: BatchItem, tries: int) -> None:
        future = client.submit(process_item, item, *arguments, pure=False)
        about[future.key] = item, tries
        running.add(future)

    asked, threads = -math.inf, 1

    def refill() -> None:
        nonlocal asked, threads
        if time.monotonic() - asked > ASK_AGAIN:  # each time it would keep the client busy
            asked, threads = time.monotonic(), sum(client.nthreads().values()) or 1
        while len(about) < AHEAD * threads:
            item = next(waiting, None)
            if item is None:
                return
            submit(item, 1)

    refill()
    for future in running:
        item, tries = about.pop(future.key)
        if future.status == "finished":
            yield future.result()
        else:
            error = future.exception() if future.status == "error" else None
            if _is_worker_death(error) and tries < TRIES:
                submit(item, tries + 1)
            else:
                yield _record_lost_task(item, arguments, error)
        refill()


def _is_worker_death(error: BaseException | None) -> bool:
    """Whether a task has no answer because its workers went, and not because it failed."""
    from distributed import KilledWorker

    return error is None or isinstance(error, KilledWorker)


def _record_lost_task(
    item: BatchItem, arguments: tuple[Any, ...], error: BaseException | None
) -> TaskOutcome:
    """Note down an image that no worker survived, or whose results have no place."""
    if _is_worker_death(error):
        told = f"its workers died {TRIES} times: it may need more memory than they have"
    elif isinstance(error, OSError):
        told = f"its results could not be written: {error.strerror or error}"
    else:
        told = f"{type(error).__name__}: {error}"
    settings, out, _ = arguments
    write_failure(Path(out), item, settings, told)
    return TaskOutcome(item.name, "failed", told)


def _record(item: BatchItem, settings: BatchSettings, out: Path) -> dict[str, Any]:
    """Return the record of an image. A record of other settings counts as open."""
    found = read_record(out, item.name)
    if found is not None and (
        is_done(found, item, settings, out)
        or (found.get("status") == "failed" and found.get("settings") == settings.content_hash)
    ):
        return found
    return {"name": item.name, "image": item.uri, "status": "open", "error": "", "files": {}}
