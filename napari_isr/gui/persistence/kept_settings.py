"""Settings to JSON and back, field by field: a new field is kept by itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

__all__ = ["KeptSettings"]

log = logging.getLogger(__name__)


class KeptSettings:
    """Reads and sets the fields of one dataclass.

    Parameters
    ----------
    settings : dataclass
        Whose fields JSON can hold.
    """

    def __init__(self, settings: Any) -> None:
        hints = get_type_hints(type(settings))
        self._settings = settings
        self._kinds = {one.name: TypeAdapter[Any](hints[one.name]) for one in fields(settings)}

    def read(self) -> dict[str, Any]:
        """The values as JSON has them."""
        return {
            name: kind.dump_python(getattr(self._settings, name), mode="json")
            for name, kind in self._kinds.items()
        }

    def set(self, values: Mapping[str, Any]) -> None:
        """Set the fields that are known and whose values fit; leave the others as they are."""
        for name, kind in self._kinds.items():
            if name not in values:
                continue
            try:
                value = kind.validate_python(values[name])
            except ValidationError:
                log.warning("The kept setting %s=%r does not fit", name, values[name])
                continue
            if value != getattr(self._settings, name):
                setattr(self._settings, name, value)
