"""Output of commands: result files, reports and sessions."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_isr.atomic_files import check_file_writable
from napari_isr.errors import InputError

if TYPE_CHECKING:
    from napari_isr.results.result import Result
    from napari_isr.segmentation.segmenter import Segmenter

__all__ = ["check_outputs", "parse_names", "write_result", "write_session_file"]


def check_outputs(
    outputs: list[Path], report: Path | None = None, values: Path | None = None
) -> None:
    """Raise an InputError if a target cannot be written, before any work is done."""
    from napari_isr.io.export import check_map_writable, check_writable

    for output in outputs:
        check_writable(output)
    if values is not None:
        check_map_writable(values)
    if report is not None:
        check_file_writable(report)


def parse_names(texts: list[str]) -> dict[int, str]:
    """Read ``--name 2=apple``: names of objects, by label.

    Raises
    ------
    InputError
        If a label is no whole number or has two names.
    """
    names: dict[int, str] = {}
    for text in texts:
        label, equals, name = text.partition("=")
        if not equals or not label.strip().isdecimal() or not name.strip():
            raise InputError(f"--name {text}: write a label and a name, for example 2=apple")
        if int(label) in names:
            raise InputError(f"--name {text}: object {int(label)} has two names")
        names[int(label)] = name.strip()
    return names


def write_result(
    result: Result,
    outputs: list[Path],
    scale: tuple[float, ...],
    report: Path | None = None,
    *,
    each: bool = False,
    uncertainty: Path | None = None,
    **about: Any,
) -> None:
    """Write files and the report, and print a line for each object.

    Parameters
    ----------
    result : Result
    outputs : list of Path
        Their endings pick the formats.
    scale : tuple of float
        Empty: 1.
    report : Path, optional
    each : bool, optional
        One file for each object.
    uncertainty : Path, optional
        A file for the uncertainty.
    **about
        Names, spacing, unit, axes, image and strokes, see :meth:`ExportData.from_result`.
    """
    from napari_isr.io.export import ExportData, write_export, write_uncertainty
    from napari_isr.io.export.csv import write_report

    content = ExportData.from_result(result, scale or 1, **about)
    for output in outputs:
        write_export(output, content, each=each)
    if uncertainty is not None:
        write_uncertainty(uncertainty, content)
    if report is not None:
        write_report(report, result.to_dict())
    for label, item in result.objects.items():
        typer.echo(f"object {label}: {int(item.mask.sum()):,} px, {item.certificate.message}")
        if item.conflict is not None:
            typer.echo(f"napari-isr: warning: {item.conflict.sentence}", err=True)


def write_session_file(
    path: Path, found: Result | Segmenter, image: Path, embed: bool, **about: Any
) -> None:
    """Write a session, with what was learned where something was.

    Parameters
    ----------
    path : Path
    found : Result or Segmenter
    image : Path
        The image's file.
    embed : bool
        Put the image into the session.
    **about
        See :func:`napari_isr.save_session`.
    """
    from napari_isr.io.readers import read_image
    from napari_isr.io.session import save_session
    from napari_isr.results.result import Result

    trained = None
    if not isinstance(found, Result):
        with suppress(InputError):  # unaries from elsewhere, or only features of this one image
            trained = found.export_predictor()
    pixels = read_image(image)
    save_session(path, found, image=pixels, file=image, trained=trained, embed=embed, **about)
