"""Fixtures of the dock for a random user."""

from tests.gui.conftest import _docks, _little_garbage, _manifests_read_once, _swept

__all__ = ["_docks", "_little_garbage", "_manifests_read_once", "_swept"]
