"""Numbers of examples: few for `make test`, many for `make test-slow`."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

MANY = os.environ.get("ISR_EXAMPLES") == "many"


def examples(some, many, **others):
    """Try a property with so many examples, and mark it for `make test-slow`."""

    def marked(function):
        return pytest.mark.examples(
            settings(max_examples=many if MANY else some, **others)(function)
        )

    return marked
