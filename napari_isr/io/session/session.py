"""Sessions: the work on one image as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_isr.errors import IncompatibleShapeError, InputError
from napari_isr.io.chunked import is_zarr
from napari_isr.io.session.content_hash import array_digest, image_key
from napari_isr.io.session.label_codec import content_filename, from_bytes
from napari_isr.io.session.result_io import (
    decode_result,
    encode_result,
    export_shape_states,
    restore_shape_states,
)
from napari_isr.io.session.schema import GeometryRecord, ImageReference, SessionRecord, Snapshot
from napari_isr.io.session.snapshot_io import (
    MAIN,
    MOST_JSON,
    decode_snapshot,
    encode_snapshot,
    encode_tensors,
    from_json,
    open_reader,
    open_writer,
    to_json,
)
from napari_isr.lazy_arrays import is_lazy, pyramid_levels

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Segmenter
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

__all__ = ["CHOICES", "ENDING", "Session", "load_session", "save_session"]

ENDING = ".isr"
FORMAT = "napari-isr session"
MOST_BYTES = 2**32
CHOICES = ("predictor", "features", "mode")


@dataclass(frozen=True)
class Session:
    """The work on one image: strokes, settings, fitted shapes, result.

    Parameters
    ----------
    snapshot : Snapshot
        Image by reference, strokes, settings, given masks and shapes.
    result : Result, optional
        What was found.
    spacing : tuple of float, optional
        Distance of the centres of the image's pixels.
    unit : str, optional
        Of the spacing.
    axes : str, optional
        What the axes are.
    pixels : array, optional
        The image itself, if it is embedded.
    trained : TrainedPredictor, optional
        What was learned, for other images.
    versions : mapping of str to str, optional
        Of what it was saved with.
    lost : str, optional
        One sentence, where the file holds a result that is not read any more.
    """

    snapshot: Snapshot
    result: Result | None = None
    spacing: tuple[float, ...] = ()
    unit: str = ""
    axes: str | None = None
    pixels: npt.NDArray[Any] | None = field(default=None, repr=False)
    trained: TrainedPredictor | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    lost: str = ""

    @property
    def strokes(self) -> npt.NDArray[np.integer[Any]] | None:
        """0 unlabelled, 1 background, 2, 3, ... objects."""
        return self.snapshot.strokes

    @property
    def object_names(self) -> dict[int, str]:
        """Names of objects, by label."""
        names = self.snapshot.settings.get("names")
        if not isinstance(names, dict):
            return {}
        return {int(k): str(v) for k, v in names.items() if str(k).isdecimal()}

    names = object_names  # Name in version 0.1.0.

    def image(self, near: Path | str | None = None) -> Any:
        """Return the pixels of the image, embedded or from its file. A large file stays lazy.

        Parameters
        ----------
        near : path, optional
            A folder in which the file is looked for, too.

        Raises
        ------
        InputError
            If the file is not there any more, or holds another image.
        """
        if self.pixels is not None:
            return self.pixels
        about = self.snapshot.image
        places = [Path(about.path)] if about.path else []
        places += [Path(near) / place.name for place in places if near is not None]
        # No devices, and nothing that the network would have to be asked for.
        there = [
            p
            for p in places
            if not str(p).startswith(("\\\\", "//")) and (p.is_file() or is_zarr(p))
        ]
        if not there:
            what = f"'{about.path}'" if about.path else "its file is not known"
            raise InputError(
                f"the image of the session is not there ({what}): give it, or save the session "
                "with the image embedded"
            )
        from napari_isr.io.readers import read_image
        from napari_isr.lazy_arrays import pyramid_levels

        array: Any = pyramid_levels(read_image(there[0]))[0]
        self.check_image(array)
        return array

    def check_image(self, image: Any) -> None:
        """Raise an InputError unless an image is the one that was worked on."""
        if image_key(image) != self.snapshot.image.key:
            raise InputError(
                f"this is not the image of the session ('{self.snapshot.image.name}'): its pixels "
                "are others"
            )

    def segmenter(self, image: Any = None, **options: Any) -> Segmenter:
        """Make a segmenter that goes on from here: its next run starts from the saved shapes.

        Parameters
        ----------
        image : array, optional
            Default: :meth:`image`.
        **options
            Of :class:`napari_isr.Segmenter`, instead of those that were saved.

        Raises
        ------
        InputError
            If the image is another one, or a saved choice is known no more.
        """
        from napari_isr.segmentation.segmenter import Segmenter

        array = self.image() if image is None else image
        self.check_image(array)
        asked = self.snapshot.settings
        chosen: dict[str, Any] = {k: asked[k] for k in CHOICES if isinstance(asked.get(k), str)}
        chosen["seed"] = self.result.seed if self.result is not None else 0
        chosen |= {"ndim": len(self.snapshot.image.shape), "spacing": self.spacing}
        chosen |= {"axes": self.axes, "coordinates": self._coordinates() or None}
        segmenter = Segmenter(array, **{**chosen, **options})
        restore_shape_states(self.snapshot.shapes, segmenter)
        if self.result is not None:
            segmenter.result = self.result
        return segmenter

    def _coordinates(self) -> dict[str, Any]:
        """Return the maps of extra coordinates, keyed by name."""
        from napari_isr.geometry.coordinates import CoordinateGeometry

        items = list(self.result.objects.values()) if self.result is not None else []
        frame = (items[0].image_frame or items[0].frame) if items else None
        if not isinstance(frame, CoordinateGeometry):
            return {}
        return dict(zip(frame.names, frame.coordinates, strict=True))

    def trained_predictor(self, image: Any = None) -> TrainedPredictor:
        """Return the stored predictor, or train a transferable one on the scribbles.

        Parameters
        ----------
        image : array, optional
            Default: :meth:`image`.

        Raises
        ------
        InputError
            If nothing was saved and there are no strokes or no image to learn from.
        """
        if self.trained is not None:
            return self.trained
        if self.strokes is None:
            raise InputError("the session has no strokes: there is nothing to learn from")
        return self.segmenter(image).export_predictor(self.strokes)

    learned = trained_predictor  # Name in version 0.1.0.

    def save(self, path: str | Path) -> Path:
        """Write all to one file, which is there whole or not at all.

        Parameters
        ----------
        path : str or Path
            The ending ``.isr`` is added if there is none.

        Raises
        ------
        InputError
            If the place cannot be written to.
        """
        from napari_isr.results.result import package_versions

        target = Path(path).expanduser()
        target = target if target.suffix else target.with_suffix(ENDING)
        shape = self.snapshot.image.shape
        fields: dict[str, Any] = {
            "frame": GeometryRecord(shape=shape, spacing=self.spacing or (1.0,) * len(shape))
        }
        with open_writer(target) as write:
            fields |= dict(encode_snapshot(self.snapshot, write))
            if self.result is not None and self.result.objects:
                fields |= encode_result(self.result, write)
            if self.pixels is not None:
                fields["pixels_file"] = encode_tensors({"image": np.asarray(self.pixels)}, write)
            if self.trained is not None:
                content = self.trained.to_bytes()
                fields["trained_file"] = content_filename(content)
                write(content_filename(content), lambda: content)
            record = SessionRecord(
                **fields, unit=self.unit, axes=self.axes, versions=package_versions()
            )
            write(MAIN, lambda: to_json(record, FORMAT))
        return target


def load_session(path: str | Path, *, most_bytes: int = MOST_BYTES) -> Session:
    """Read a session; nothing in the file is ever run, and nothing is written.

    Parameters
    ----------
    path : str or Path
        A ``.isr`` file.
    most_bytes : int, optional
        That its parts may need in memory; a larger file is refused.

    Returns
    -------
    Session
        Its masks are bit by bit those that were saved.

    Raises
    ------
    InputError
        If the file is missing, broken, too large or of a later version; one sentence says which.
    """
    from napari_isr.segmentation.trained_predictor import TrainedPredictor

    place = Path(path).expanduser()
    with open_reader(place, most_bytes) as read:
        record = from_json(_main(read(MAIN), place), str(place), FORMAT, SessionRecord)
        if record.bytes > most_bytes:
            raise InputError(
                f"'{place}' would need {record.bytes / 2**30:.1f} GB of memory: if you trust it, "
                "raise most_bytes"
            )
        snapshot = decode_snapshot(record, read)
        result, lost = None, ""
        try:
            result = decode_result(record, snapshot.shapes, read)
        except IncompatibleShapeError as error:
            lost = str(error)
        pixels = trained = None
        if record.pixels_file is not None:
            pixels = from_bytes(read(record.pixels_file), record.pixels_file).get("image")
            if pixels is None or pixels.shape[: len(record.image.shape)] != record.image.shape:
                raise InputError(f"'{place}' is broken: its image has another size")
        if record.trained_file is not None:
            trained = TrainedPredictor.from_bytes(read(record.trained_file), str(place))
    frame = record.frame
    axes, told = record.axes, record.versions
    return Session(snapshot, result, frame.spacing, record.unit, axes, pixels, trained, told, lost)


def _main(content: bytes, place: Path) -> bytes:
    if len(content) > MOST_JSON:
        raise InputError(f"'{place}' is too large for a session")
    return content


def save_session(
    path: str | Path,
    result: Result | Segmenter,
    *,
    image: Any = None,
    scribbles: npt.ArrayLike | None = None,
    given: Mapping[int, npt.ArrayLike] | None = None,
    settings: Mapping[str, Any] | None = None,
    names: Mapping[int, str] | None = None,
    unit: str = "",
    axes: str | None = None,
    trained: TrainedPredictor | None = None,
    file: str | Path | None = None,
    embed: bool = False,
) -> Path:
    """Save the work on an image to one ``.isr`` file.

    Parameters
    ----------
    path : str or Path
        The ending ``.isr`` is added if there is none.
    result : Result or Segmenter
        What was found; a segmenter knows its image and settings, too.
    image : array, optional
        The image, which is known again by its pixels.
    scribbles : (n1, ..., nd) integer array, optional
        The strokes.
    given : mapping of int to array, optional
        Objects from elsewhere.
    settings : mapping, optional
        ``predictor``, ``features`` and ``mode`` as they were given; ``shape`` and ``own_shapes``
        are those of the result.
    names : mapping of int to str, optional
        Of objects, by label.
    unit, axes : str, optional
        Of the spacing, and what the axes are.
    trained : TrainedPredictor, optional
        What was learned, for other images.
    file : str or Path, optional
        The image's file, to find it again.
    embed : bool, optional
        Put the image itself into the file.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the place cannot be written to, or nothing was found yet.

    Examples
    --------
    >>> import napari_isr as isr
    >>> isr.save_session("cup.isr", result, image=image, scribbles=strokes)  # doctest: +SKIP
    PosixPath('cup.isr')
    """
    from napari_isr.geometry.time_series import TimeSeriesGeometry
    from napari_isr.results.result import Result

    chosen = dict(settings or {})
    if image is not None:
        image = pyramid_levels(image)[0]
        image = image if is_lazy(image) else np.asarray(image)
    if not isinstance(result, Result):
        segmenter, result = result, result.result
        image = segmenter.source.pixels if image is None else image
        own = segmenter.predictor_name, segmenter.features_name, segmenter.mode
        known = zip(CHOICES, (own[0], ",".join(own[1]), own[2]), strict=False)
        chosen = {**dict(known), **chosen}
    if not result.objects:
        raise InputError("there is nothing to save yet: fit an object first")
    if embed and image is None:
        raise InputError("the image cannot be embedded: give it")
    first = next(iter(result.objects.values()))
    frame = first.image_frame or first.frame
    if axes is None and isinstance(frame, TimeSeriesGeometry):
        axes = "tyx" if frame.ndim == 3 else "tzyx"
    specs = {label: item.shape_name for label, item in result.objects.items()}
    rest = next(iter(specs.values()))
    chosen = {
        "shape": rest,
        "own_shapes": {str(k): spec for k, spec in specs.items() if spec != rest},
        "names": {str(k): name for k, name in (names or {}).items()},
        **chosen,
    }
    place = None if file is None else str(Path(file).expanduser().absolute())
    about = ImageReference(
        key=array_digest(first.probability) if image is None else image_key(image),
        name="" if file is None else Path(file).name,
        path=place,
        shape=frame.shape,
        dtype="" if image is None else str(image.dtype),
        scale=frame.spacing,
        units=(unit,) * frame.ndim if unit else (),
    )
    # A lazy one is kept block by block.
    strokes: Any = scribbles if scribbles is None or is_lazy(scribbles) else np.asarray(scribbles)
    snapshot = Snapshot(
        about,
        strokes,
        settings=chosen,
        given={label: np.asarray(mask) for label, mask in (given or {}).items()},
        shapes=export_shape_states(result),
    )
    pixels = np.asarray(image) if embed else None
    return Session(snapshot, result, frame.spacing, unit, axes, pixels, trained).save(path)
