"""Surfaces of volumes by marching cubes."""

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.geometry.image import ImageGeometry
from napari_isr.rendering import surface_mesh as surfaces
from napari_isr.rendering.surface_mesh import surface_mesh

FRAME = ImageGeometry((12, 40, 50), (4.0, 1.0, 1.0))
SPACING = np.array(FRAME.spacing)


def ball(radius, centre=(6.0, 20.0, 25.0)):
    def logit(points):
        return radius - np.linalg.norm((points - np.array(centre)) * SPACING, axis=1)

    return logit


def mask_of(logit):
    points = np.stack(np.meshgrid(*FRAME.axis_positions(), indexing="ij"), -1).reshape(-1, 3)
    return (logit(points) > 0).reshape(FRAME.shape)


def volume(vertices, faces):
    """Of a closed surface whose normals point outwards, by the divergence theorem."""
    a, b, c = (vertices[faces[:, k]] * SPACING for k in range(3))
    return np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6


def edges(faces):
    every = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return np.unique(every, axis=0, return_counts=True)[1]


@pytest.mark.parametrize("nodes", [surfaces.NODES, 4000])
def test_the_surface_of_a_ball_is_a_sphere(monkeypatch, nodes):
    monkeypatch.setattr(surfaces, "NODES", nodes)
    logit = ball(15.0)
    vertices, faces = surface_mesh(logit, FRAME, mask_of(logit))
    away = np.linalg.norm((vertices - (6, 20, 25)) * SPACING, axis=1)
    np.testing.assert_allclose(away, 15, atol=0.3)
    assert (edges(faces) == 2).all()  # closed
    np.testing.assert_allclose(volume(vertices, faces), 4 / 3 * np.pi * 15**3, rtol=0.03)


def test_a_surface_that_leaves_the_image_is_closed_at_its_border():
    logit = ball(15.0, (0.0, 20.0, 49.0))
    vertices, faces = surface_mesh(logit, FRAME, mask_of(logit))
    assert (edges(faces) == 2).all()
    assert vertices[:, 0].min() == pytest.approx(-0.5, abs=0.01)
    assert vertices[:, 2].max() == pytest.approx(49.5, abs=0.01)


def test_an_empty_mask_has_no_surface():
    vertices, faces = surface_mesh(ball(15.0), FRAME, np.zeros(FRAME.shape, bool))
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)


def test_a_result_gives_the_surface_of_its_shape():
    mask = mask_of(ball(15.0))
    found = isr.project(mask, spacing=FRAME.spacing).objects[2]
    vertices, faces = found.surface()
    np.testing.assert_allclose(volume(vertices, faces), found.mask.sum() * 4, rtol=0.05)
    flat = isr.project(mask[6]).objects[2]
    with pytest.raises(InputError, match="3 axes"):
        flat.surface()
