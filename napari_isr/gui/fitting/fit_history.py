"""The fits of an image, to go back to an earlier one and forward again; no Qt, no napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psygnal import Signal

from napari_isr.gui.fitting.job import FitFinished

__all__ = ["FitHistory", "FitHistoryEntry"]

MOST = 20  # fits
BYTES = 256 * 2**20  # of all together; the last two are kept whatever they take


@dataclass(frozen=True)
class FitHistoryEntry:
    """One fit as it was shown.

    Parameters
    ----------
    done : FitFinished
        Masks, rows and result.
    outlines : dict
        By (kind, label), as :class:`napari_isr.gui.layers.contour_layer.ContourLayer` takes them.
    """

    done: FitFinished
    outlines: dict[tuple[str, int], Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        objects = self.done.result.objects.values()
        total = sum(item.probability.nbytes + item.mask.nbytes for item in objects)
        return int(total + self.done.raw.nbytes + self.done.isr.nbytes)


class FitHistory:
    """Fits in their order, one of which is shown.

    Parameters
    ----------
    most, nbytes : int, optional
        How many fits are kept, and how much memory they may take; the oldest go first.
    """

    changed = Signal()

    def __init__(self, most: int = MOST, nbytes: int = BYTES) -> None:
        self._most, self._nbytes = most, nbytes
        self._fits: list[FitHistoryEntry] = []
        self._at = -1  # the one that is shown, or was shown last
        self._shown = False

    def __len__(self) -> int:
        """How many fits are kept."""
        return len(self._fits)

    @property
    def current(self) -> FitHistoryEntry | None:
        """The fit that is shown; None if there is none."""
        return self._fits[self._at] if self._shown else None

    @property
    def position_text(self) -> str:
        """Which one is shown of how many, in words."""
        return f"fit {self._at + 1} of {len(self._fits)}"

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier fit, or one that was taken away."""
        return self._at > 0 or (bool(self._fits) and not self._shown)

    @property
    def can_redo(self) -> bool:
        """Whether there is a later fit."""
        return self._shown and self._at + 1 < len(self._fits)

    def push(self, fit: FitHistoryEntry) -> None:
        """Add a new fit after the one that is shown; those that were undone are gone."""
        self._fits = [*self._fits[: self._at + 1], fit][-self._most :]
        sizes = [kept.nbytes for kept in self._fits]
        while len(self._fits) > 2 and sum(sizes) > self._nbytes:
            self._fits.pop(0)
            sizes.pop(0)
        self._at, self._shown = len(self._fits) - 1, True
        self.changed.emit()

    def deselect(self) -> None:
        """No fit is shown any more; to undo brings the last one back."""
        self._shown = False
        self.changed.emit()

    def undo(self) -> FitHistoryEntry | None:
        """Go to the fit before; None if there is none."""
        if not self.can_undo:
            return None
        self._at -= 1 if self._shown else 0
        self._shown = True
        self.changed.emit()
        return self._fits[self._at]

    def redo(self) -> FitHistoryEntry | None:
        """Go to the fit after; None if there is none."""
        if not self.can_redo:
            return None
        self._at += 1
        self.changed.emit()
        return self._fits[self._at]

    def clear(self) -> None:
        """Forget all fits."""
        self._fits, self._at, self._shown = [], -1, False
        self.changed.emit()
