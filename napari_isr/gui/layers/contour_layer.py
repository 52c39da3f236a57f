"""Contours over the image as vectors of constant width on the screen.

Of napari's layers a mesh is the cheapest to update: measured with four outlines of 500 vertices,
8 ms in the GUI thread against 15 to 30 ms as shapes and 33 ms as vectors, and no thumbnail is
drawn in Python. A mesh also has soft edges and a dark casing, which keep it legible everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Surface
from napari.utils import Colormap

from napari_isr.gui._napari_patches import patch_icon_cache, patch_shader_cache
from napari_isr.gui.layers.utils import (
    METADATA_KIND,
    DebouncedZoomListener,
    TransientLayer,
    insert_layer_above,
    layer_metadata,
    layer_transform_kwargs,
    set_data_quietly,
)
from napari_isr.gui.nd.current_slice import Plane
from napari_isr.gui.theme import CASING, PREDICTOR, SHAPE

__all__ = ["ContourLayer", "Mesh", "polyline_mesh", "simplify_polyline"]

Contours = list[npt.NDArray[np.float64]]
CASING_VALUE, KINDS = 1.0, {"predictor": 3.0, "shape": 5.0}  # opaque; one less: transparent
WIDTH, MARGIN, SOFT = 2.2, 1.1, 0.8  # pixels on the screen
# Pixels on the screen: fewer vertices are quicker to draw, and those of a predictor are many.
SIMPLIFY_TOLERANCE_PX = {KINDS["predictor"]: 0.4, KINDS["shape"]: 0.2}
ZOOM_STEP = 1.04
MOST_VERTICES = 40_000
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Mesh = tuple[npt.NDArray[np.float32], Ints, npt.NDArray[np.float32]]
MITRE = 2.0  # corners reach out at most this many half widths
ROUNDS = 5  # each leaves half of the vertices at least


class ContourLayer(TransientLayer):
    """The layer ``<image> [outlines]``: blue the predictor's, orange the shapes'.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image

    Attributes
    ----------
    plane : tuple
        Of a stack the plane that the outlines lie in; see
        :func:`napari_isr.gui.nd.current_slice.current_slice`.
    """

    kind = "outlines"

    def __init__(self, viewer: Any, image: Image) -> None:
        super().__init__(viewer, image)
        patch_shader_cache()
        patch_icon_cache()
        self._contours: dict[tuple[str, int], Contours] = {}
        self.plane: Plane = (None, None)
        self._hidden: frozenset[int] = frozenset()
        self._drawn_at = 0.0
        self._zoom = DebouncedZoomListener(viewer, self._redraw)

    def update(self, contours: dict[tuple[str, int], Contours]) -> None:
        """Replace some outlines and draw.

        Parameters
        ----------
        contours : dict
            By ("predictor" or "shape", label): closed polylines (n, 2), row and column, or
            pixels along the two axes of the plane.
        """
        self._contours.update(contours)
        self.draw()

    @property
    def is_in_viewer(self) -> bool:
        """Whether the layer is in the viewer."""
        self.forget_if_removed()
        return self._layer is not None

    @property
    def contours(self) -> dict[tuple[str, int], Contours]:
        """Copy of the drawn contours, keyed by kind and label."""
        return dict(self._contours)

    def replace(self, contours: dict[tuple[str, int], Contours]) -> None:
        """Draw these outlines and no others."""
        self._contours = dict(contours)
        self.draw()

    def hide(self, labels: Iterable[int]) -> None:
        """Leave out the outlines of some objects."""
        if (hidden := frozenset(labels)) != self._hidden:
            self._hidden = hidden
            self.draw()

    def retain(self, keys: set[tuple[str, int]]) -> None:
        """Drop the outlines of everything else."""
        if not keys.issuperset(self._contours):
            self._contours = {k: v for k, v in self._contours.items() if k in keys}
            self.draw()

    def close(self, remove: bool = True) -> None:
        """Stop following the zoom; remove the layer if asked to."""
        self._zoom.close()
        if remove:
            self.remove()
        self._layer = None

    def draw(self) -> None:
        """Bring the layer up to date."""
        self.forget_if_removed()
        mesh = self._mesh()
        if self._layer is not None:
            self._layer.metadata["contours"] = dict(self._contours)
            set_data_quietly(self._layer, mesh if len(mesh[0]) else _nothing(len(self.plane)))
        elif len(mesh[0]):
            self._add(mesh)

    def _mesh(self) -> Mesh:
        self._drawn_at = self._viewer.scene.camera.zoom
        free = [axis for axis, place in enumerate(self.plane) if place is None]
        sides = self._sides(free)
        pixel = 1 / self._drawn_at
        lines = [
            (line, value)
            for kind, value in KINDS.items()
            for (key, label), contours in sorted(self._contours.items())
            if key == kind and label not in self._hidden
            for line in contours
        ]
        step = 1 + sum(len(line) for line, _ in lines) // MOST_VERTICES
        bands = [
            ((WIDTH / 2 + MARGIN) * pixel, [CASING_VALUE] * len(lines)),
            (WIDTH / 2 * pixel, [value for _, value in lines]),
        ]
        shown = [
            simplify_polyline(line[::step] * sides, SIMPLIFY_TOLERANCE_PX[value] * pixel)
            for line, value in lines
        ]
        vertices, faces, values = polyline_mesh(shown, bands, SOFT * pixel)
        whole = np.empty((len(vertices), len(self.plane)), np.float32)
        whole[:] = [0 if place is None else place for place in self.plane]
        whole[:, free] = vertices / sides
        return whole, faces, values

    def _sides(self, axes: list[int]) -> npt.NDArray[np.float32]:
        """Sides of a pixel in the world along two axes, so that lines are as wide everywhere."""
        scale = np.abs(np.asarray(self._image.scale, np.float32))
        linear = np.asarray(self._image.affine.linear_matrix)[np.ix_(axes, axes)]
        sides: npt.NDArray[np.float32] = scale[axes] * np.float32(abs(np.linalg.det(linear)) ** 0.5)
        return np.where(sides > 0, sides, np.float32(1))

    def _add(self, mesh: Mesh) -> None:
        self._layer = Surface(
            mesh,
            name=f"{self._image.name} [outlines]",
            metadata={**layer_metadata(self.kind, self._image), "contours": dict(self._contours)},
            colormap=_colormap(),
            contrast_limits=(0, 5),
            shading="none",
            blending="translucent_no_depth",
            **layer_transform_kwargs(self._image),
        )
        ours = [
            layer
            for layer in self._viewer.layers
            if layer.metadata.get(METADATA_KIND) in ("raw", "isr")
            and layer.name.startswith(f"{self._image.name} [")
        ]
        insert_layer_above(self._viewer, self._layer, ours[-1] if ours else self._image)

    def _redraw(self) -> None:
        ratio = self._viewer.scene.camera.zoom / (self._drawn_at or 1)
        there = self._layer is not None and self._contours
        if there and not 1 / ZOOM_STEP < ratio < ZOOM_STEP:
            self.draw()


def _nothing(ndim: int) -> Mesh:
    """Return an invisible mesh. napari warns of a layer without vertices."""
    vertices, faces = np.zeros((3, ndim), np.float32), np.array([[0, 1, 2]], np.int64)
    return vertices, faces, np.zeros(3, np.float32)


def _colormap() -> Colormap:
    colors = [
        (*rgb, alpha)
        for rgb, strength in ((CASING, 0.65), (PREDICTOR, 1.0), (SHAPE, 1.0))
        for alpha in (0.0, strength)
    ]
    return Colormap(colors, name="outlines")


def polyline_mesh(
    polylines: Sequence[Floats], bands: Sequence[tuple[float, Sequence[float]]], soft: float
) -> Mesh:
    """Build one mesh of bands along closed polylines.

    Every band is opaque up to its half width and fades out over ``soft`` on both sides, which
    smooths it whatever the graphics card does.

    Parameters
    ----------
    polylines : sequence of (n, 2) arrays
        Vertices; the last one repeats the first.
    bands : sequence of (float, sequence of float)
        For each band its half width and, for each polyline, the mesh value where it is opaque;
        where it is transparent the value is one less. Later bands are painted over earlier ones,
        and in a band later polylines over earlier ones.
    soft : float
        Width of the fade, in units of the vertices as the half widths are.

    Returns
    -------
    vertices : (v, 2) float32 array
    faces : (f, 3) int array
    vertex_values : (v,) float32 array
    """
    points, sizes = _distinct(polylines)
    if not len(points):
        return np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int64), np.zeros(0, np.float32)
    following, before = _neighbors(sizes)
    across = _normals(points, following, before)
    strip = _strip(following)
    vertices, faces, values = [], [], []
    for number, (half, opaque) in enumerate(bands):
        offsets = np.array([-half - soft, -half, half, half + soft], np.float32)
        vertices.append((points[:, None] + across[:, None] * offsets[:, None]).reshape(-1, 2))
        faces.append(strip + number * 4 * len(points))
        shade = np.repeat(np.asarray(opaque, np.float32), sizes)
        values.append((shade[:, None] - np.array([1, 0, 0, 1], np.float32)).reshape(-1))
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(values)


def _distinct(polylines: Sequence[Floats]) -> tuple[npt.NDArray[np.float32], Ints]:
    """Return all vertices without repeated ends and neighbors, and the count of each polyline."""
    sizes = np.array([len(line) for line in polylines], np.int64)
    if not sizes.sum():
        return np.zeros((0, 2), np.float32), sizes
    points = np.concatenate([line for line in polylines if len(line)]).astype(np.float32)
    _, before = _neighbors(sizes)
    keep = np.abs(points - points[before]).max(axis=1) > 1e-4
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return points[keep], np.bincount(owner[keep], minlength=len(sizes))


def _neighbors(sizes: Ints) -> tuple[Ints, Ints]:
    """Index of every vertex's successor and predecessor on its own closed polyline."""
    sizes = sizes[sizes > 0]
    stops = np.cumsum(sizes)
    starts = stops - sizes
    index = np.arange(stops[-1])
    following, before = index + 1, index - 1
    following[stops - 1] = starts
    before[starts] = stops - 1
    return following, before


def _normals(points: npt.NDArray[np.float32], following: Ints, before: Ints) -> Floats:
    """Mitred normals (n, 2) at the vertices."""
    along = points[following] - points
    along /= np.sqrt((along**2).sum(axis=1, keepdims=True)) + 1e-12
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    between = normal + normal[before]
    length = np.sqrt((between**2).sum(axis=1, keepdims=True))
    between = np.where(length > 1e-4, between / np.maximum(length, 1e-4), normal)
    cosine = (between * normal).sum(axis=1, keepdims=True)
    mitred: Floats = between / np.maximum(cosine, 1 / MITRE)
    return mitred


def _strip(following: Ints) -> Ints:
    """Triangles of closed bands of four vertices a station."""
    here, there = 4 * np.arange(len(following)), 4 * following
    quads = [(here + k, here + k + 1, there + k, there + k + 1) for k in range(3)]
    triangles = [np.stack(t, axis=1) for a, b, c, d in quads for t in ((a, b, c), (b, d, c))]
    return np.stack(triangles, axis=1).reshape(-1, 3)


def simplify_polyline(line: npt.NDArray[np.floating], tolerance: float) -> npt.NDArray[np.floating]:
    """Leave out vertices of a polyline that lie almost between their neighbours.

    In rounds: of every second vertex those go that are nearer than the tolerance to the chord of
    their neighbours. A smooth line strays by about a third more than the tolerance at most, as its
    last round counts for nearly all. Both ends stay, so a closed line stays closed.

    Parameters
    ----------
    line : (n, 2) float array
    tolerance : float
        Distance from the line, in units of the vertices.

    Returns
    -------
    (m, 2) float array
        Some of the vertices, in their order.
    """
    for _ in range(ROUNDS):
        if len(line) < 5:
            break
        before, here, after = line[:-2:2], line[1:-1:2], line[2::2]
        count = min(len(here), len(after))
        chord, way = after[:count] - before[:count], here[:count] - before[:count]
        across = np.abs(chord[:, 0] * way[:, 1] - chord[:, 1] * way[:, 0])
        along = (chord * way).sum(1)
        length = (chord**2).sum(1)
        # A spike comes back to where it left: it lies beyond its chord, not between its ends.
        between = (along >= 0) & (along <= length)
        drop = between & (across <= tolerance * np.sqrt(length))
        if not drop.any():
            break
        keep = np.ones(len(line), bool)
        keep[1 : 2 * count : 2] = ~drop
        line = line[keep]
    return line
