"""Selection of a torch device, and fallbacks if its memory is exhausted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from napari_isr.errors import InputError, suggest_name

__all__ = [
    "DEVICES",
    "is_out_of_memory",
    "iterate_with_cpu_fallback",
    "map_with_oom_split",
    "resolve_device",
    "to_cpu_double",
]

log = logging.getLogger(__name__)

ACCELERATORS = ("cuda", "mps", "xpu")
DEVICES = ("auto", "cpu", *ACCELERATORS)
LEAST = 1024  # rows that are not halved any more

T = TypeVar("T")


def resolve_device(name: str) -> torch.device:
    """Turn a name into a device that is there.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps", "xpu"}
        ``auto`` takes the accelerator that torch sees and that works, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        If the name is unknown or this machine has no such device.
    """
    if name not in DEVICES:
        raise InputError(f"unknown device '{name}': {suggest_name(name, DEVICES)}")
    if name == "cpu":
        return torch.device("cpu")
    if name == "auto":
        return _working_accelerator()
    found = _accelerator()
    if found is None or found.type != name:
        raise InputError(f"torch sees no '{name}' device here: choose cpu or auto")
    return torch.device(name)


def _accelerator() -> torch.device | None:
    """Return the accelerator of torch, if its type is supported."""
    if not torch.accelerator.is_available():
        return None
    found = torch.accelerator.current_accelerator()
    return None if found is None or found.type not in ACCELERATORS else torch.device(found.type)


@cache
def _working_accelerator() -> torch.device:
    """Return the accelerator if it works, else the CPU. A driver may be too old for torch."""
    found = _accelerator()
    if found is None:
        return torch.device("cpu")
    try:
        float(torch.ones(2, 2, device=found).matmul(torch.ones(2, 2, device=found)).sum())
    except (RuntimeError, AssertionError) as error:
        log.warning(
            "napari-isr: torch sees a device '%s', but it does not work (%s): fitting on the CPU",
            found.type,
            str(error).splitlines()[0] if str(error) else type(error).__name__,
        )
        return torch.device("cpu")
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device has no memory left; torch says so in two ways."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error)
    )


def map_with_oom_split(run: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Do something row by row, in halves as often as the device's memory asks for it.

    Parameters
    ----------
    run : callable
        Gives a row for each row.
    rows : (n, ...) tensor

    Returns
    -------
    (n, ...) tensor

    Raises
    ------
    torch.OutOfMemoryError
        If even a small part does not fit.
    """
    try:
        return run(rows)
    except RuntimeError as error:
        if len(rows) <= LEAST or not is_out_of_memory(error):
            raise
    # After the handler, whose error holds what the first try had made.
    _release(rows.device)
    half = len(rows) // 2
    return torch.cat([map_with_oom_split(run, rows[:half]), map_with_oom_split(run, rows[half:])])


def iterate_with_cpu_fallback(
    device: torch.device, run: Callable[[torch.device], Iterator[T]]
) -> Iterator[T]:
    """Yield what ``run`` yields on a device; from its beginning on the CPU, if memory runs out."""
    try:
        yield from run(device)
        return
    except RuntimeError as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
    _release(device)
    log.warning("napari-isr: the memory of '%s' does not suffice: fitting on the CPU", device.type)
    yield from run(torch.device("cpu"))


def to_cpu_double(*tensors: Tensor) -> list[Tensor]:
    """Small tensors of one dtype in double precision on the CPU, in one transfer.

    Systems of equations of a hundred unknowns are solved there: not every device knows double
    precision, and each small kernel costs more than the solution.
    """
    if tensors[0].device.type == "cpu":
        return [one.double() for one in tensors]
    joined = torch.cat([one.flatten() for one in tensors]).cpu().double()
    parts = joined.split([one.numel() for one in tensors])
    return [part.view_as(one) for part, one in zip(parts, tensors, strict=True)]


def _release(device: torch.device) -> None:
    """Give memory that is kept for later back to the device."""
    if device.type in ACCELERATORS and torch.accelerator.is_available():
        torch.get_device_module(device).empty_cache()
