"""Schema of snapshots and sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator
from pydantic import PositiveInt as Positive

from napari_isr.io.session.content_hash import DIGEST

__all__ = [
    "GeometryRecord",
    "ImageReference",
    "LabelBlock",
    "LabelImageRecord",
    "ObjectRecord",
    "SessionRecord",
    "ShapeRecord",
    "ShapeState",
    "Snapshot",
    "SnapshotRecord",
]

MOST_PIXELS = 2**32
MOST_OBJECTS = 65_536
Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=5)]
File = Annotated[str, Field(pattern=rf"^{DIGEST}\.(png|safetensors)$")]
Label = Annotated[int, Field(ge=0)]
ObjectLabel = Annotated[int, Field(ge=2, le=65_535)]
Spacing = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ImageReference(_StrictModel):
    """Which image it was, without its pixels.

    Parameters
    ----------
    key : str
        See :func:`napari_isr.io.session.image_key`.
    name : str
        What the user calls it.
    path : str, optional
        The file that it came from.
    reader : str, optional
        The plugin of napari that read it.
    shape : tuple of int
        Size without channels.
    dtype : str
    scale, translate : tuple of float
        One for each axis.
    units : tuple of str
    """

    key: str = Field(pattern=rf"^{DIGEST}$")
    name: str = ""
    path: str | None = None
    reader: str | None = None
    shape: Size
    dtype: str = ""
    scale: tuple[Finite, ...] = ()
    translate: tuple[Finite, ...] = ()
    units: tuple[str, ...] = ()


class LabelBlock(_StrictModel):
    """A rectangle of a picture that is not empty; its file holds whole numbers as a PNG."""

    file: File
    offset: Annotated[tuple[NonNegativeInt, ...], Field(max_length=5)]
    size: tuple[Positive, Positive]


class LabelImageRecord(_StrictModel):
    """An array of labels, or a mask, that is zero outside its blocks; or an array as a tensor."""

    shape: Size
    dtype: str = Field(pattern="^(bool|[ui][1248]|f[248])$")
    blocks: tuple[LabelBlock, ...] = ()
    tensor: File | None = None  # for fractions

    @model_validator(mode="after")
    def _fits(self) -> Self:
        pixels = 1
        for count in self.shape:
            pixels *= count
        if pixels > MOST_PIXELS:
            raise ValueError("a picture is too large")
        if sum(block.size[0] * block.size[1] for block in self.blocks) > pixels:
            raise ValueError("the blocks of a picture lie on each other")
        for block in self.blocks:
            end = (*(1 for _ in self.shape[:-2]), *block.size)
            if len(block.offset) != len(self.shape) or len(self.shape) < 2:
                raise ValueError("a block has other axes than its picture")
            if any(o + s > n for o, s, n in zip(block.offset, end, self.shape, strict=True)):
                raise ValueError("a block sticks out of its picture")
        return self


class ShapeRecord(_StrictModel):
    """A fitted shape; its weights are tensors ``<label>/<name>`` of the record's shapes file."""

    spec: str
    explained: Finite | None = None


class SnapshotRecord(_StrictModel):
    """The JSON file of a snapshot."""

    version: Literal[1] = 1
    saved: AwareDatetime
    image: ImageReference
    strokes: LabelImageRecord | None = None
    strokes_name: str = ""
    settings: dict[str, Any] = {}
    given: Annotated[dict[Label, LabelImageRecord], Field(max_length=MOST_OBJECTS)] = {}
    shapes: Annotated[dict[Label, ShapeRecord], Field(max_length=MOST_OBJECTS)] = {}
    shapes_file: File | None = None

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.strokes is not None and self.strokes.shape != self.image.shape:
            raise ValueError("the strokes have another size than their image")
        if any(
            given.shape[-len(self.image.shape) :] != self.image.shape
            for given in self.given.values()
        ):
            raise ValueError("a given mask has another size than its image")
        return self

    @property
    def files(self) -> set[str]:
        """Names of all files that belong to it."""
        pictures = [*self.given.values(), *([self.strokes] if self.strokes else [])]
        names = {block.file for picture in pictures for block in picture.blocks}
        names |= {picture.tensor for picture in pictures if picture.tensor}
        return names | ({self.shapes_file} if self.shapes_file else set())

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a stroke nor a given mask in it."""
        return not self.given and not (self.strokes and self.strokes.blocks)

    @property
    def saved_at(self) -> datetime:
        """When it was saved, in the user's time zone."""
        return self.saved.astimezone()


class CoordinateRecord(_StrictModel):
    """A map of a further coordinate; see :class:`napari_isr.geometry.coordinates.CoordinateMap`."""

    name: str
    weight: Spacing = 1.0
    unit: str = ""
    values_file: File


class GeometryRecord(_StrictModel):
    """A raster over the area of the image; see :class:`napari_isr.ImageGeometry`."""

    shape: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=4)]
    spacing: tuple[Spacing, ...]
    coordinates: Annotated[tuple[CoordinateRecord, ...], Field(max_length=16)] = ()
    timed: bool = False  # the first axis is time

    @model_validator(mode="after")
    def _matches(self) -> Self:
        if len(self.spacing) != len(self.shape):
            raise ValueError("a spacing has other axes than its raster")
        return self


class ObjectRecord(_StrictModel):
    """Record of one object. Its probabilities are the tensor ``probability/<label>``."""

    spec: str
    mask: LabelImageRecord
    objective: Finite | None = None
    seconds: dict[str, Finite] = {}
    conflict: str | None = None  # its pixels are the tensor ``conflict/<label>``


class SessionRecord(SnapshotRecord):
    """The JSON file of a session: a snapshot, and what was found."""

    frame: GeometryRecord
    raster: GeometryRecord | None = None  # of the results, where it is coarser
    unit: str = ""
    axes: str | None = None
    seed: int = 0
    device: str = "cpu"
    sources: dict[str, str] = {}
    versions: dict[str, str] = {}
    objects: Annotated[dict[ObjectLabel, ObjectRecord], Field(max_length=MOST_OBJECTS)] = {}
    maps_file: File | None = None  # probabilities, pixels of conflicts and of strokes
    pixels_file: File | None = None  # the image itself, if it is embedded
    trained_file: File | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        size = (self.raster or self.frame).shape
        if self.frame.shape != self.image.shape:
            raise ValueError("the frame has another size than its image")
        if len(size) != len(self.frame.shape):
            raise ValueError("the raster has other axes than its image")
        if any(o.mask.shape != size or o.mask.dtype != "bool" for o in self.objects.values()):
            raise ValueError("a mask has another size than its raster")
        return self

    @property
    def files(self) -> set[str]:
        """Names of all files that belong to it."""
        masks = {block.file for one in self.objects.values() for block in one.mask.blocks}
        own = {self.maps_file, self.pixels_file, self.trained_file} - {None}
        frames = (self.frame, *([self.raster] if self.raster else []))
        own |= {one.values_file for frame in frames for one in frame.coordinates}
        return super().files | masks | {name for name in own if name is not None}

    @property
    def bytes(self) -> int:
        """Memory that its arrays need."""
        pictures = [*self.given.values(), *([self.strokes] if self.strokes else [])]
        pictures += [one.mask for one in self.objects.values()]
        raster = 4 * math.prod((self.raster or self.frame).shape) * len(self.objects)
        return raster + sum(
            math.prod(p.shape) * (1 if p.dtype == "bool" else int(p.dtype[-1])) for p in pictures
        )


@dataclass(frozen=True)
class ShapeState:
    """A fitted shape, without torch.

    Parameters
    ----------
    spec : str
        Its name and options, as :meth:`napari_isr.shapes.ShapeSpec.parse` reads them.
    weights : mapping of str to array
        Its parameters and buffers, by the names of its ``state_dict``.
    explained : float, optional
        Part of the evidence that its last fit explained.
    """

    spec: str
    weights: Mapping[str, npt.NDArray[Any]]
    explained: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The work on one image at one moment.

    Parameters
    ----------
    image : ImageReference
        Which image.
    strokes : (H, W) integer array, optional
        0 unlabelled, 1 background, 2, 3, ... objects.
    strokes_name : str, optional
        Of the stroke layer.
    settings : mapping, optional
        What the user chose, as JSON has it.
    given : mapping of int to (H, W) array, optional
        Masks or probabilities of objects that were not drawn.
    shapes : mapping of int to ShapeState, optional
        The fitted shapes.
    saved : datetime, optional
        When it was made, with a time zone.
    """

    image: ImageReference
    strokes: npt.NDArray[np.integer] | None = None
    strokes_name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[int, npt.NDArray[Any]] = field(default_factory=dict)
    shapes: Mapping[int, ShapeState] = field(default_factory=dict)
    saved: datetime = field(default_factory=lambda: datetime.now(UTC))
