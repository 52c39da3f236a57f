"""Units of length in napari and in file formats."""

from __future__ import annotations

__all__ = ["METERS", "unit_symbol"]

# Metres in a unit, by the symbol that OME has for it.
METERS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "pm": 1e-12}

_NAMES = {"metre": "m", "centimetre": "cm", "millimetre": "mm", "micrometre": "µm"}
_NAMES |= {"nanometre": "nm", "picometre": "pm"}
_NAMES |= {name.replace("metre", "meter"): symbol for name, symbol in _NAMES.items()}
_NAMES |= {"micron": "µm", "um": "µm", "μm": "µm"}
_NONE = {"", "pixel", "pixels", "px", "dimensionless", "1"}


def unit_symbol(unit: str) -> str:
    """Symbol of a unit of length; empty for pixels, and what is not known as it is.

    Examples
    --------
    >>> symbol_of("micrometer"), symbol_of("pixel")
    ('µm', '')
    """
    plain = unit.strip()
    if plain.lower() in _NONE:
        return ""
    return _NAMES.get(plain.lower().rstrip("s"), plain)
