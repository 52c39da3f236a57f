"""OME-Zarr label images with chunks and levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_isr.errors import InputError
from napari_isr.io.export.export_data import ExportData
from napari_isr.io.export.label_tiles import TILE, iter_tiles, label_dtype
from napari_isr.io.export.units import METERS

__all__ = ["write"]

LONG = {"nm": "nanometer", "µm": "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}


def write(path: Path, content: ExportData) -> None:
    """Write a group by the rules of OME-Zarr 0.4 into an empty folder."""
    try:
        import zarr
    except ImportError:
        raise InputError(
            "to write .zarr files zarr is needed: pip install 'napari-isr[large]'"
        ) from None
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    levels = list(_levels(content))
    for number, level in enumerate(levels):
        array = group.create_array(
            str(number),
            shape=level.size,
            chunks=(1,) * (level.ndim - 2) + tuple(min(TILE, n) for n in level.size[-2:]),
            dtype=label_dtype(content),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        if level.result is None:
            array[...] = level.labels
            continue
        for window, labels in iter_tiles(level):
            array[tuple(slice(a, b) for a, b in window)] = labels
    group.attrs.update({"multiscales": [_about(content, levels)], "image-label": _labels(content)})


def _levels(content: ExportData) -> Any:
    """Yield the content at decreasing resolutions, labels only as they are."""
    yield content
    size, labels = content.size, {one.label for one in content.objects}
    while content.result is not None and max(size[-2:]) > TILE:
        size = (*size[:-2], *(max(1, -(-n // 2)) for n in size[-2:]))
        scale = tuple(n / m for n, m in zip(size, content.image_size, strict=True))
        whole = ExportData.from_result(content.result, scale)
        yield replace(whole, size=size, objects=[o for o in whole.objects if o.label in labels])


def _about(content: ExportData, levels: list[ExportData]) -> dict[str, Any]:
    axes: list[dict[str, str]] = []
    for name in content.axes:
        axis = {"name": name, "type": "time" if name == "t" else "space"}
        if name != "t" and content.unit in METERS and content.unit in LONG:
            axis["unit"] = LONG[content.unit]
        axes.append(axis)
    datasets = []
    for number, level in enumerate(levels):
        steps = [
            s * n / m
            for s, n, m in zip(content.spacing, content.image_size, level.size, strict=True)
        ]
        # Cells of all levels cover the same area, so their first centres lie elsewhere.
        starts = [(step - s) / 2 for step, s in zip(steps, content.spacing, strict=True)]
        datasets.append(
            {
                "path": str(number),
                "coordinateTransformations": [
                    {"type": "scale", "scale": steps},
                    {"type": "translation", "translation": starts},
                ],
            }
        )
    return {"version": "0.4", "name": content.image, "axes": axes, "datasets": datasets}


def _labels(content: ExportData) -> dict[str, Any]:
    named = [{"label-value": one.label, "name": one.name} for one in content.objects]
    return {"version": "0.4", "properties": named}
