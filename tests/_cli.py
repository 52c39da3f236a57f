"""The command line, run in this process."""

import pytest

from napari_isr.cli.app import main


def cli(*arguments):
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code
