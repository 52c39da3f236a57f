"""Data model of certificates: checks, their limits, and one sentence."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

__all__ = ["CENTER_KEY", "TOLERANCE", "Certificate", "Check", "Logit", "Mask", "Points"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
Logit = Callable[[Points], Points]

# Key of a center among the parameters of a shape. It is written to reports and exports, whose
# format keeps the spelling of version 0.1.
CENTER_KEY = "centre"
# Relative change of the logit that counts as rounding.
TOLERANCE = 1e-5


class Check(BaseModel):
    """One measurement.

    Parameters
    ----------
    name : str
        Measured quantity with its unit.
    value : float
        Result.
    limit : float
        Largest accepted value.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    limit: float = 0.0

    @property
    def passed(self) -> bool:
        """True if the value is within the limit. NaN is not."""
        return bool(self.value <= self.limit)

    # Name in version 0.1.0.
    holds = passed


class Certificate(BaseModel):
    """Property of one result, with its proof and its checks.

    Parameters
    ----------
    property : str
        Name of the shape, or ``"none"``.
    by_construction : str or None
        Property of the function that the parametrization proves, None without a shape.
    checked : tuple of Check
        Measurements on the result.
    space : str or None
        Coordinates in which the property holds, such as ``(row, column, depth)``. None for those
        of the image.
    """

    model_config = ConfigDict(frozen=True)

    property: str
    by_construction: str | None = None
    checked: tuple[Check, ...] = ()
    space: str | None = None

    @builtins.property
    def holds(self) -> bool:
        """True if all checks passed."""
        return all(check.passed for check in self.checked)

    @builtins.property
    def message(self) -> str:
        """The certificate in one sentence."""
        if self.by_construction is None:
            return "no shape was asked for, so nothing is promised"
        claim = f"{self.property} in {self.space}" if self.space else self.property
        failed = [check for check in self.checked if not check.passed]
        if failed:
            first = failed[0]
            found = f"{first.value:.2g} {first.name}"
            return f"not {claim}: {found}, at most {first.limit:g} allowed"
        claim += ", not in the image," if self.space else ""
        count = len(self.checked)
        return f"{claim} by construction, and all {count} checks of the result hold"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Keys ``property, holds, sentence, by_construction, checked``, and ``space`` if the
            property holds in extra coordinates.
        """
        return {
            "property": self.property,
            "holds": self.holds,
            "sentence": self.message,
            "by_construction": self.by_construction,
            "checked": [{**c.model_dump(), "holds": c.passed} for c in self.checked],
            **({"space": self.space} if self.space else {}),
        }

    # Name in version 0.1.0.
    sentence = message
