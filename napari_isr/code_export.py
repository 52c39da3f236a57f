"""Export of settings as a Python program or a shell command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

__all__ = ["ScriptTemplate"]

DEFAULT = "auto"
REST = "convex"  # what objects get that a mapping of shapes leaves out


@dataclass(frozen=True)
class ScriptTemplate:
    """Settings of a fit as a program.

    Parameters
    ----------
    image, strokes : str
        Files.
    shape : str
        Of all objects that have none of their own.
    own_shapes : mapping of int to str
        Shapes of single objects, by label.
    predictor, features, mode, device : str
        As :func:`napari_isr.segment` takes them.
    given : mapping of int to str
        Files with the masks or probabilities of objects that are not from strokes, by label.
    trained : str
        File of what a predictor has learned elsewhere; empty if nothing.
    spacing : sequence of float
        Distance of pixel centres along each axis, of time None; 1 each is left out.
    axes : str
        What the axes are; ``"yx"`` is left out.
    per_frame : bool
        Whether each frame of a sequence is fitted by itself.
    coordinates : mapping of str to str
        Files of further coordinates by name.
    output : str
        Where the mask goes; default: beside the program, named after the image.
    notes : sequence of str
        Comments at the top of the Python program.
    """

    image: str
    strokes: str
    shape: str = "convex"
    own_shapes: Mapping[int, str] = field(default_factory=dict)
    predictor: str = DEFAULT
    features: str = DEFAULT
    mode: str = DEFAULT
    device: str = DEFAULT
    given: Mapping[int, str] = field(default_factory=dict)
    trained: str = ""
    spacing: Sequence[float | None] = ()
    axes: str = ""
    per_frame: bool = False
    coordinates: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    notes: Sequence[str] = ()

    @property
    def output_path(self) -> str:
        """Path of the output."""
        return self.output or f"{PurePath(self.image).stem}-mask.png"

    def to_python(self) -> str:
        """Write a program that fits and saves the mask.

        Returns
        -------
        str
            Lines of Python, with a line break at the end.

        Examples
        --------
        >>> print(Recipe("cup.png", "strokes.png", "star").python())  # doctest: +ELLIPSIS
        import napari_isr as isr
        <BLANKLINE>
        image = isr.read_image('cup.png')
        ...
        """
        lines = [f"# {note}" for note in self.notes]
        lines += [
            "import napari_isr as isr",
            "",
            f"image = isr.read_image({self.image!r})",
            f"strokes = isr.read_scribbles({self.strokes!r})",
            *self._call(),
            "for label, item in result.objects.items():",
            "    print(label, item.certificate.sentence)",
            f"isr.write(result, {self.output_path!r})",
        ]
        return "\n".join(lines) + "\n"

    def to_command_line(self) -> str:
        """Write a line for the shell that does the same, quoted as it needs to be.

        Examples
        --------
        >>> Recipe("my cup.png", "s.png", own_shapes={3: "star"}).command()
        "napari-isr segment 'my cup.png' s.png -o 'my cup-mask.png' --shape convex --shape 3=star"
        """
        words = ["napari-isr", "segment", _file(self.image), _file(self.strokes)]
        words += ["-o", self.output_path, "--shape", self.shape]
        for label, shape in sorted(self.own_shapes.items()):
            words += ["--shape", f"{label}={shape}"]
        for label, file in sorted(self.given.items()):
            words += ["--given", f"{label}={file}"]
        for name, value in self._chosen().items():
            words += [f"--{name}", value]
        if self.trained:
            words += ["--trained", self.trained]
        if self._axes:
            words += ["--axes", self._axes]
        if self.per_frame:
            words.append("--per-frame")
        for name, file in self.coordinates.items():
            words += ["--coordinate", f"{name}={file}"]
        if self._stretched:
            steps = ("auto" if s is None else repr(float(s)) for s in self.spacing)
            words += ["--spacing", ",".join(steps)]
        return shlex.join(words)

    def _call(self) -> list[str]:
        """Return the call of ``segment`` on one or several lines."""
        before, shape = self._shapes()
        arguments = ["image", "strokes", shape]
        arguments += [f"{name}={value!r}" for name, value in self._chosen().items()]
        if self.trained:
            arguments.append(f"trained=isr.TrainedPredictor.load({self.trained!r})")
        if self.given:
            before = [*self._given(), *before]
            arguments.append("given=given")
        if self._axes:
            arguments.append(f"axes={self._axes!r}")
        if self.per_frame:
            arguments.append("per_frame=True")
        if self.coordinates:
            maps = (f"{k!r}: isr.read_array({file!r})" for k, file in self.coordinates.items())
            arguments.append(f"coordinates={{{', '.join(maps)}}}")
        if self._stretched:
            steps = tuple(None if s is None else float(s) for s in self.spacing)
            arguments.append(f"spacing={steps!r}")
        line = f"result = isr.segment({', '.join(arguments)})"
        if len(line) > 88:
            return [*before, "result = isr.segment(", *(f"    {a}," for a in arguments), ")"]
        return [*before, line]

    def _shapes(self) -> tuple[list[str], str]:
        """Lines before the call, and its third argument."""
        if not self.own_shapes:
            return [], repr(self.shape)
        own = repr(dict(sorted(self.own_shapes.items())))
        if self.shape == REST:
            return [], own
        labels = "isr.Scribbles.from_label_image(strokes).objects"  # also of zarr, block by block
        every = f"[*{labels}, *given]" if self.given else labels
        return [
            f"labels = {every}",
            f"shapes = dict.fromkeys(labels, {self.shape!r})",
            f"shapes |= {own}",
        ], "shapes"

    def _given(self) -> list[str]:
        """Lines that read the objects which are not from strokes."""
        files = sorted(self.given.items())
        lines = [f"    {label}: isr.read_probability({file!r})," for label, file in files]
        return ["given = {", *lines, "}"]

    def _chosen(self) -> dict[str, str]:
        """Return the settings that differ from the defaults."""
        asked = {"mode": self.mode, "predictor": self.predictor, "features": self.features}
        asked["device"] = self.device
        return {name: value for name, value in asked.items() if value != DEFAULT}

    @property
    def _axes(self) -> str:
        return "" if self.axes == "yx" else self.axes

    @property
    def _stretched(self) -> bool:
        return any(s is not None and float(s) != 1 for s in self.spacing)


def _file(name: str) -> str:
    """Return a file name that cannot be taken for an option."""
    return f"./{name}" if name.startswith("-") else name
