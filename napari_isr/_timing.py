"""Timer of the stages of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["StageTimer"]

T = TypeVar("T")
STAGE_NAMES = ("features", "predictor", "projection", "render")


class StageTimer:
    """Wall seconds of named parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def time_iterator(self, name: str, steps: Iterator[T]) -> Iterator[T]:
        """Add the time of an iterator's own work, not of what its consumer does between."""
        while True:
            with self.measure(name):
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step

    def seconds_for(self, label: int) -> dict[str, float]:
        """Seconds of each stage, as far as they concern one object."""
        return {
            stage: self.seconds.get(stage, 0.0) + self.seconds.get(f"{stage} {label}", 0.0)
            for stage in STAGE_NAMES
        }
