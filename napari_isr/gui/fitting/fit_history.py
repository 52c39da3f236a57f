"""History of the fits of an image, for undo and redo; no Qt, no napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psygnal import Signal

from napari_isr.gui.fitting.events import FitFinished

__all__ = ["FitHistory", "FitHistoryEntry"]

MAX_FITS = 20
MAX_BYTES = 256 * 2**20  # bytes of all fits together; the last two are retained at any size


@dataclass(frozen=True)
class FitHistoryEntry:
    """One fit and its display.

    Parameters
    ----------
    done : FitFinished
        Masks, rows and result.
    outlines : dict
        Contours keyed by (kind, label).
    """

    done: FitFinished
    outlines: dict[tuple[str, int], Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        objects = self.done.result.objects.values()
        total = sum(item.probability.nbytes + item.mask.nbytes for item in objects)
        return int(total + self.done.raw.nbytes + self.done.isr.nbytes)


class FitHistory:
    """Fits in their order, and the one that is shown.

    Parameters
    ----------
    max_fits, max_bytes : int, optional
        Limits of their number and of their memory. The oldest fits are dropped first.
    """

    changed = Signal()

    def __init__(self, max_fits: int = MAX_FITS, max_bytes: int = MAX_BYTES) -> None:
        self._max_fits, self._max_bytes = max_fits, max_bytes
        self._fits: list[FitHistoryEntry] = []
        self._index = -1  # of the fit that is shown, or that was shown last
        self._shown = False

    def __len__(self) -> int:
        """Return the number of fits."""
        return len(self._fits)

    @property
    def current(self) -> FitHistoryEntry | None:
        """The fit that is shown, or None."""
        return self._fits[self._index] if self._shown else None

    @property
    def position_text(self) -> str:
        """Position of the shown fit in words, for example ``"fit 2 of 3"``."""
        return f"fit {self._index + 1} of {len(self._fits)}"

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier fit, or one that is not shown."""
        return self._index > 0 or (bool(self._fits) and not self._shown)

    @property
    def can_redo(self) -> bool:
        """Whether there is a later fit."""
        return self._shown and self._index + 1 < len(self._fits)

    def push(self, fit: FitHistoryEntry) -> None:
        """Add a fit after the shown one, and drop those that were undone."""
        self._fits = [*self._fits[: self._index + 1], fit][-self._max_fits :]
        sizes = [one.nbytes for one in self._fits]
        while len(self._fits) > 2 and sum(sizes) > self._max_bytes:
            self._fits.pop(0)
            sizes.pop(0)
        self._index, self._shown = len(self._fits) - 1, True
        self.changed.emit()

    def deselect(self) -> None:
        """Show no fit. An undo shows the last one again."""
        self._shown = False
        self.changed.emit()

    def undo(self) -> FitHistoryEntry | None:
        """Return the previous fit and show it, or return None."""
        if not self.can_undo:
            return None
        self._index -= 1 if self._shown else 0
        self._shown = True
        self.changed.emit()
        return self._fits[self._index]

    def redo(self) -> FitHistoryEntry | None:
        """Return the following fit and show it, or return None."""
        if not self.can_redo:
            return None
        self._index += 1
        self.changed.emit()
        return self._fits[self._index]

    def clear(self) -> None:
        """Drop all fits."""
        self._fits, self._index, self._shown = [], -1, False
        self.changed.emit()
