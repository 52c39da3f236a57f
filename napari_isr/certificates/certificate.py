"""What a certificate holds: the checks, their limits, and one sentence."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

__all__ = ["CENTER_KEY", "TOLERANCE", "Certificate", "Check", "Logit", "Mask"]

Mask = npt.NDArray[np.bool_]
Logit = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

# Key of a center among the parameters of a shape. It is written to reports and exports, whose
# format keeps the spelling of version 0.1.
CENTER_KEY = "centre"
TOLERANCE = 1e-5  # relative, of the logit


class Check(BaseModel):
    """One thing that was measured.

    Parameters
    ----------
    name : str
        What was measured, with its unit.
    value : float
        The result.
    limit : float
        The largest value that is accepted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    limit: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the value is within the limit; NaN is not."""
        return bool(self.value <= self.limit)

    holds = passed  # Name in version 0.1.0.


class Certificate(BaseModel):
    """What is true of one result, and how that is known.

    Parameters
    ----------
    property : str
        Name of the shape, or ``"none"``.
    by_construction : str or None
        What the parametrisation proves for the function; None if nothing was promised.
    checked : tuple of Check
        What was measured afterwards.
    space : str or None
        The coordinates in which the property holds, ``(row, column, depth)``; None: those of the
        image.
    """

    model_config = ConfigDict(frozen=True)

    property: str
    by_construction: str | None = None
    checked: tuple[Check, ...] = ()
    space: str | None = None

    @builtins.property
    def holds(self) -> bool:
        """Whether every check came out within its limit."""
        return all(check.passed for check in self.checked)

    @builtins.property
    def message(self) -> str:
        """The certificate in one sentence."""
        if self.by_construction is None:
            return "no shape was asked for, so nothing is promised"
        what = f"{self.property} in {self.space}" if self.space else self.property
        failed = [check for check in self.checked if not check.passed]
        if failed:
            worst = failed[0]
            found = f"{worst.value:.2g} {worst.name}"
            return f"not {what}: {found}, at most {worst.limit:g} allowed"
        what += ", not in the image," if self.space else ""
        count = len(self.checked)
        return f"{what} by construction, and all {count} checks of the result hold"

    sentence = message  # Name in version 0.1.0.

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``property, holds, sentence, by_construction, checked``.

        And ``space`` where there are more coordinates than those of the image.
        """
        return {
            "property": self.property,
            "holds": self.holds,
            "sentence": self.message,
            "by_construction": self.by_construction,
            "checked": [{**c.model_dump(), "holds": c.passed} for c in self.checked],
            **({"space": self.space} if self.space else {}),
        }
