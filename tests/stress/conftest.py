"""What the tests of the dock need, as far as a random user needs it."""

from tests.gui.conftest import _docks, _little_garbage, _manifests_read_once, _swept

__all__ = ["_docks", "_little_garbage", "_manifests_read_once", "_swept"]
