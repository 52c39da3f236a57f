"""A mesh is coloured by the same function until its colours change."""

from __future__ import annotations

import numpy as np
import pytest
from vispy.visuals import MeshVisual

from napari_isr.gui._napari_patches import BUILDER, patch_shader_cache

FACES = np.array([[0, 1, 2]])


class Mesh(MeshVisual):
    """So that the class that all share is left alone."""


Mesh._build_color_transform = getattr(
    MeshVisual._build_color_transform, "__wrapped__", MeshVisual._build_color_transform
)
patch_shader_cache(Mesh)


@pytest.fixture
def mesh():
    made = Mesh(np.eye(3), FACES, vertex_values=np.arange(3.0))
    made.clim = 0, 5
    return made


def coloring(mesh, vertices=None):
    if vertices is not None:
        mesh.set_data(vertices, FACES, vertex_values=np.arange(3.0))
    mesh._update_data()
    return mesh.shared_program.vert["color_transform"]


def test_new_vertices_leave_the_shaders_as_they_are(mesh):
    first = coloring(mesh)
    assert coloring(mesh, 2 * np.eye(3)) is first
    np.testing.assert_array_equal(mesh.mesh_data.get_vertices(), 2 * np.eye(3))


def test_other_limits_and_colors_are_followed(mesh):
    first = coloring(mesh)
    mesh.clim = 0, 4
    second = coloring(mesh)
    assert second is not first
    mesh.cmap = "fire"  # which is computed, not looked up in a table
    assert coloring(mesh) is not second
    mesh.clim = "auto"  # they depend on the values
    assert coloring(mesh, np.eye(3)) is not coloring(mesh, 2 * np.eye(3))


def test_meshes_do_not_share_what_they_keep(mesh):
    other = Mesh(np.eye(3), FACES, vertex_values=np.arange(3.0))
    other.clim = 0, 5
    assert coloring(other) is not coloring(mesh)


def test_a_second_call_and_another_vispy_change_nothing():
    kept = getattr(Mesh, BUILDER)
    patch_shader_cache(Mesh)
    assert getattr(Mesh, BUILDER) is kept
    other = type("Other", (), {})
    patch_shader_cache(other)
    assert not hasattr(other, BUILDER)
