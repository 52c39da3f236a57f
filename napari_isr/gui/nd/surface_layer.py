"""Surface layer of the objects of a volume."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Surface

from napari_isr.gui.layers.utils import (
    METADATA_KIND,
    TransientLayer,
    insert_layer_above,
    layer_transform_kwargs,
)
from napari_isr.gui.theme import label_rgb

if TYPE_CHECKING:
    from napari_isr.gui.controller import Controller

__all__ = ["ColoredMesh", "SurfaceLayer", "colored_surface_mesh"]

log = logging.getLogger(__name__)
NONE_YET = "There is no surface yet: draw strokes first."
EMPTY = "There is no surface: the objects are empty."
ColoredMesh = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]
LIGHT = np.array([0.5, -0.7, -0.5])  # from the viewer's upper left, as napari first shows a volume
DARKEST = 0.35  # of the colour, on the side that is turned away


class SurfaceLayer:
    """The layer ``<image> [isr] surface``, there while it is asked for and kept up to date.

    It is seen in three dimensions only: of a surface, a slice shows loose triangles.

    Parameters
    ----------
    control : Controller
        Whose result is shown.
    """

    def __init__(self, control: Controller) -> None:
        self._control, self._on = control, False
        self._layer: _MeshLayer | None = None
        control.presenter.settled.connect(self._renew)
        control.settings.events.hidden.connect(self._renew)
        control.layers.events.image.connect(self._drop)
        control.viewer.dims.events.ndisplay.connect(self._on_display)

    @property
    def enabled(self) -> bool:
        """True if the surface is displayed. Setting it switches the view of napari."""
        return self._on

    @enabled.setter
    def enabled(self, on: bool) -> None:
        if on == self._on:
            return
        self._on = on
        self._control.viewer.dims.ndisplay = 3 if on else 2
        if on:
            self._renew()
        else:
            self._drop()

    def close(self) -> None:
        """Release the viewer. The layer remains."""
        control = self._control
        control.presenter.settled.disconnect(self._renew)
        control.settings.events.hidden.disconnect(self._renew)
        control.layers.events.image.disconnect(self._drop)
        control.viewer.dims.events.ndisplay.disconnect(self._on_display)
        self._on = False

    def _renew(self, _: Any = None) -> None:
        """Make the mesh of the result that is shown now, in a thread."""
        control = self._control
        result, strokes = control.result, control.scribble_layer
        if not self._on:
            return
        if result is None or strokes is None:
            control.state.set_status("hint", NONE_YET)
            return
        colors = {k: label_rgb(strokes.colormap, k) for k in result.objects}
        hidden = control.settings.hidden
        control.executor.submit(
            lambda: _mesh(result, colors, hidden), lambda mesh: self._show(result, mesh)
        )

    def _show(self, result: Any, mesh: ColoredMesh | str | None) -> None:
        control, image = self._control, self._control.image_layer
        if not self._on or result is not control.result or image is None:
            return
        if mesh is None or isinstance(mesh, str):
            self._drop()
            control.state.set_status("error", mesh or EMPTY)
            return
        if self._layer is None:
            self._layer = _MeshLayer(control.viewer, image)
        self._layer.show(mesh, control.viewer.dims.ndisplay == 3)

    def _drop(self, _: Any = None) -> None:
        if self._layer is not None:
            self._layer.remove()
            self._layer = None

    def _on_display(self) -> None:
        if self._layer is not None:
            self._layer.see(self._control.viewer.dims.ndisplay == 3)


class _MeshLayer(TransientLayer):
    """The layer itself."""

    kind = "surface"

    def show(self, mesh: ColoredMesh, visible: bool) -> None:
        """Show a mesh; napari keeps colours of vertices only with their number, so anew."""
        vertices, faces, colors = mesh
        self.remove()
        self._layer = Surface(
            (vertices, faces),
            vertex_colors=colors,
            name=f"{self._image.name} [isr] surface",
            metadata={METADATA_KIND: self.kind},
            shading="none",  # the colours are shaded
            visible=visible,
            **layer_transform_kwargs(self._image),
        )
        insert_layer_above(self._viewer, self._layer, None)

    def see(self, visible: bool) -> None:
        """Show or hide it."""
        self.forget_if_removed()
        if self._layer is not None:
            self._layer.visible = visible


def _mesh(result: Any, colors: Any, hidden: Any) -> ColoredMesh | str | None:
    """Return the mesh, or an error message."""
    from napari_isr.gui.fitting.run_job import single_threaded_torch

    try:
        with single_threaded_torch():
            return colored_surface_mesh(result, colors, hidden)
    except Exception as error:
        log.exception("The surface could not be made")
        return f"The surface could not be made ({type(error).__name__}): napari's log says more."


def colored_surface_mesh(
    result: Any, colors: Mapping[int, tuple[int, int, int]], hidden: Collection[int] = ()
) -> ColoredMesh | None:
    """Join the surfaces of all objects with three axes.

    Parameters
    ----------
    result : Result
    colours : mapping of int to (int, int, int)
        By label, 0 to 255.
    hidden : collection of int
        Labels that are left out.

    Returns
    -------
    vertices : (v, 3) float32 array
        In pixels of the image.
    faces : (f, 3) int array
    vertex_colors : (v, 4) float32 array
        Shaded as by a lamp that is fixed to the volume. Or None instead of all three, if there is
        no surface.
    """
    vertices, faces, shades, count = [], [], [], 0
    for label, item in result.objects.items():
        if label in hidden:
            continue
        points, triangles = item.surface()[:2]
        if not len(triangles):
            continue
        size = np.array(result.image_shape or item.frame.shape) / np.array(item.frame.shape)
        vertices.append((np.asarray(points, np.float32) + 0.5) * size.astype(np.float32) - 0.5)
        faces.append(np.asarray(triangles, np.int64) + count)
        rgba = np.array([*colors[label], 255], np.float32) / 255
        shaded = np.tile(rgba, (len(points), 1))
        shaded[:, :3] *= _light(np.asarray(points) * item.frame.spacing, np.asarray(triangles))
        shades.append(shaded)
        count += len(points)
    if not vertices:
        return None
    return (
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces),
        np.concatenate(shades),
    )


def _light(
    points: npt.NDArray[np.float64], triangles: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the brightness (v, 1) of vertices by their normals, without black parts.

    In napari's own light all that is turned away is evenly dark, with jagged borders.
    """
    first, second, third = (points[triangles[:, corner]] for corner in range(3))
    areas = np.cross(second - first, third - first)
    normals = np.zeros(points.shape)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], areas)
    lengths = np.linalg.norm(normals, axis=1).clip(1e-12)
    facing = normals @ (LIGHT / np.linalg.norm(LIGHT)) / lengths
    return (DARKEST + (1 - DARKEST) * (1 + facing[:, None]) / 2).astype(np.float32)
