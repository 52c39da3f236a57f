"""Which device the tensors live on."""

from __future__ import annotations

import torch

from napari_isr.errors import InputError, nearest

__all__ = ["DEVICES", "resolve_device"]

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """Turn a name into a device that is there.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
        ``auto`` takes the accelerator that torch sees, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        If the name is unknown or this machine has no such device.
    """
    if name not in DEVICES:
        raise InputError(f"unknown device '{name}': {nearest(name, DEVICES)}")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device(next((d for d in ("cuda", "mps") if there[d]), "cpu"))
    if not there[name]:
        raise InputError(f"torch sees no '{name}' device here: choose cpu or auto")
    return torch.device(name)
