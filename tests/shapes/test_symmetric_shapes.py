"""Stars and symmetries hold for any parameters, before, during and after a fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_isr.errors import InputError
from napari_isr.evidence import DenseEvidence, signed_evidence
from napari_isr.fitting import iter_project_shape
from napari_isr.geometry.image import ImageGeometry
from napari_isr.geometry.time_series import TimeSeriesGeometry
from napari_isr.shapes import Shape, ShapeSpec
from napari_isr.shapes.basis_functions import fourier_basis, fourier_derivative, gaussian_bumps
from napari_isr.shapes.lattice import find_lattice
from tests._hypothesis_profiles import examples

PLANE = {
    "star": "star",
    "star+mirror": "star+mirror",
    "star+rotational": "star+rotational:order=5",
    "mirror": "mirror",
    "rotational": "rotational:order=3",
    "convex+mirror": "convex+mirror",
    "convex+rotational": "convex+rotational:order=4",
    "periodic": "periodic",
    "perspective": "periodic:perspective=true",
}
HELD = [
    "star:center=30/41",
    "star+mirror:axis=30/41/20",
    "star+mirror:center=30/41",
    "star+rotational:order=5,center=30/41",
    "mirror:axis=30/41/20",
    "rotational:order=3,center=30/41",
    "convex+mirror:axis=30/41/20",
    "convex+rotational:center=30/41,order=4",
]
# Specifications of version 0.1, in scripts and sessions.
FORMER = [spec.replace("center=", "centre=") for spec in HELD if "center=" in spec]
HELD_LATTICES = [
    "periodic:lattice=0/24/20.5/3",
    "periodic:perspective=true,lattice=0/24/20.5/3",
]
SPECS = [*PLANE.values(), *HELD, *HELD_LATTICES]
IN_SPACE = list(PLANE.values())
SPACINGS = [(1.0, 1.0), (2.0, 0.5)]


def build(spec, ndim=2, dtype=torch.float64, spacing=()):
    frame = ImageGeometry((60, 80) if ndim == 2 else (40, 60, 80), spacing)
    shape = ShapeSpec.parse(spec).build(ndim, frame)
    return shape.to(dtype), frame


def shake(shape: Shape, seed: int, size: float) -> Shape:
    draw = torch.Generator().manual_seed(seed)
    vector = shape.parameter_vector()
    noise = torch.randn(vector.shape, generator=draw, dtype=torch.float64)
    shape.load_vector(vector + size * noise.to(vector))
    return shape


def random_points(ndim, seed, count=200):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, ndim, generator=draw, dtype=torch.float64) * 2 - 1


def image_of(points, name, found, frame):
    """Shape coordinates of the points' images, from what the shape says about itself."""
    pixels = frame.to_pixels(points).numpy()
    spacing = np.array(frame.spacing)
    if "lattice" in found:
        lattice = np.array(found["lattice"])
        origin = np.array(found.get("origin", np.zeros(frame.ndim)))
        horizon = np.array(found.get("horizon", np.zeros(frame.ndim)))
        offset = pixels - origin
        place = offset / (1 + offset @ horizon)[:, None] + lattice[0] - 2 * lattice[1]
        moved = origin + place / (1 - place @ horizon)[:, None]
    elif name.endswith("mirror"):
        if "axis_degrees" in found:
            turn = math.radians(found["axis_degrees"])
            along = np.array([math.sin(turn), math.cos(turn)]) * spacing
            normal = np.array([along[1], -along[0]]) / np.linalg.norm(along)
            point = np.array(found["axis_point"])
        else:
            normal = np.array(found["normal"])
            point = np.array(found.get("plane_point", found.get("centre")))
        offset = (pixels - point) * spacing
        moved = point + (offset - 2 * (offset @ normal)[:, None] * normal) / spacing
    else:
        turn = 2 * math.pi / found["order"]
        centre, matrix = np.array(found["centre"]), np.eye(frame.ndim)
        matrix[-2:, -2:] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        moved = centre + ((pixels - centre) * spacing) @ matrix.T / spacing
    return frame.to_normalized(torch.from_numpy(moved))


def seen(points, name, found, frame):
    """Return True for points on the near side of the horizon, if there is one."""
    if "horizon" not in found:
        return torch.ones(len(points), dtype=torch.bool)
    offset = frame.to_pixels(points) - torch.tensor(found["origin"])
    return 1 + offset @ torch.tensor(found["horizon"], dtype=points.dtype) > 0.05


def symmetry_gap(shape, name, frame, points):
    found = shape.describe(frame)
    images = image_of(points, name, found, frame)
    both = seen(points, name, found, frame) & seen(images, name, found, frame)
    with torch.no_grad():
        here, there = shape(points[both]), shape(images[both])
    assert torch.isfinite(here).all()
    if not both.any():  # the steps of the lattice lead out of sight
        return 0.0
    return float(((here - there).abs() / (1 + here.abs() + there.abs())).max())


def star_violations(shape, frame, ndim):
    """Rays from the centre along which the logit ever rises, and centres that are outside."""
    centre = frame.to_normalized(
        torch.tensor([shape.describe(frame)["centre"]], dtype=torch.float64)
    )
    rays = torch.nn.functional.normalize(random_points(ndim, 5, 64), dim=1)
    steps = torch.linspace(1e-6, 4, 50, dtype=torch.float64)
    along = (centre + rays[:, None] * steps[:, None]).flatten(0, 1)
    with torch.no_grad():
        logit = shape(along).view(64, 50)
        outside = int((shape(centre) <= 0).sum())
    rise = logit.diff(dim=1) > 1e-6 * (1 + logit.abs().amax(1, keepdim=True))
    return int(rise.sum()) + outside


def convex_dip(shape, ndim, seed):
    first, second = random_points(ndim, seed), random_points(ndim, seed + 1)
    with torch.no_grad():
        ends = torch.minimum(shape(first), shape(second))
        dip = ends - shape((first + second) / 2)
    return float((dip / (1 + ends.abs())).max())


def check_properties(spec, shape, frame, ndim, seed=0):
    name = spec.partition(":")[0]
    for part in name.split("+"):
        if part == "star":
            assert star_violations(shape, frame, ndim) == 0
        elif part == "convex":
            assert convex_dip(shape, ndim, seed) < 1e-9
        else:
            assert symmetry_gap(shape, part, frame, random_points(ndim, seed)) < 1e-5


CONVEX = ["convex", "convex:pieces=7", "convex:depth=2", "convex:depth=3,width=8"]


@pytest.mark.parametrize("spec", [*CONVEX, *PLANE.values()])
@examples(60, 2000)
@given(
    ndim=st.sampled_from([2, 2, 3]),
    seed=st.integers(0, 2**31),
    size=st.floats(0.01, 3),
    spaced=st.booleans(),
)
def test_the_property_holds_for_any_parameters(spec, ndim, seed, size, spaced):
    spacing = (1.0, 2.0, 0.5)[-ndim:] if spaced else ()
    if spec not in IN_SPACE + CONVEX:
        ndim, spacing = 2, spacing[-2:]
    shape, frame = build(spec, ndim, spacing=spacing)
    check_properties(spec, shake(shape, seed, size), frame, ndim, seed)


@examples(100, 400)
@given(
    spec=st.sampled_from(HELD),
    seed=st.integers(0, 2**31),
    size=st.floats(0.01, 3),
    spacing=st.sampled_from(SPACINGS),
)
def test_the_property_holds_where_the_user_puts_it(spec, seed, size, spacing):
    shape, frame = build(spec, spacing=spacing)
    check_properties(spec, shake(shape, seed, size), frame, 2, seed)


@pytest.mark.parametrize("spec", SPECS)
def test_closed_form_jacobian_is_that_of_automatic_differentiation(spec):
    shape = shake(build(spec)[0], 1, 0.2)
    points = random_points(2, 2, 50)
    logit, jacobian = shape.logit_and_jacobian(points)
    expected_logit, expected = Shape.logit_and_jacobian(shape, points)
    assert torch.allclose(logit, expected_logit)
    assert torch.allclose(jacobian, expected, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("spec", IN_SPACE)
def test_jacobian_in_space(spec):
    shape = shake(build(spec, 3)[0], 1, 0.2)
    points = random_points(3, 2, 30)
    expected = Shape.logit_and_jacobian(shape, points)[1]
    jacobian = shape.logit_and_jacobian(points)[1]
    assert torch.allclose(jacobian, expected, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("spec", SPECS)
def test_single_precision_keeps_the_sign_and_meta_keeps_the_size(spec):
    shape = shake(build(spec)[0], 1, 0.2)
    points = random_points(2, 3)
    expected = shape(points)
    single = shape.float()(points.float()).double()
    clear = expected.abs() > 0.05 * (1 + expected.abs().mean())
    assert torch.equal(single[clear] > 0, expected[clear] > 0)
    assert shape.to("meta")(points.float().to("meta")).shape == (200,)


@pytest.mark.parametrize("spec", SPECS)
def test_text_and_state_round_trip(spec, tmp_path):
    parsed = ShapeSpec.parse(spec)
    assert ShapeSpec.parse(str(parsed)) == parsed
    shape, frame = build(spec)
    shake(shape, 4, 0.2)
    torch.save(shape.state_dict(), tmp_path / "shape.pt")
    other = parsed.build(2).double()
    other.load_state_dict(torch.load(tmp_path / "shape.pt", weights_only=True))
    assert other.describe(frame) == shape.describe(frame)
    assert torch.equal(other(random_points(2, 1)), shape(random_points(2, 1)))


@pytest.mark.parametrize("spec", FORMER)
def test_specifications_and_states_of_version_0_1_are_read(spec):
    current = spec.replace("centre=", "center=")
    assert ShapeSpec.parse(spec) == ShapeSpec.parse(current)
    assert "centre" not in str(ShapeSpec.parse(spec))
    shape = shake(build(current)[0], 4, 0.2)
    former = {k.replace("center", "centre"): v for k, v in shape.state_dict().items()}
    assert "centre" in former
    other = ShapeSpec.parse(spec).build(2).double()
    other.load_state_dict(former)
    assert torch.equal(other(random_points(2, 1)), shape(random_points(2, 1)))


def test_states_of_sequences_and_of_nested_modules_of_version_0_1_are_read():
    frame = TimeSeriesGeometry((4, 20, 30), (1.0, 1.0, 1.0))
    shapes = [ShapeSpec.parse("star:center=3/4").build(*size) for size in ((3, frame), (2,))]
    module = torch.nn.ModuleList(shapes)
    former = {k.replace("center", "centre"): v + 1 for k, v in module.state_dict().items()}
    assert [key for key in former if "centre" in key] == ["0.of_centre", "1.centre"]
    module.load_state_dict(former)
    assert bool((module[0].of_center == 1).all())
    assert bool((module[1].center == 1).all())


def pattern(spec):
    """A mask with the property, and what of it is seen."""
    row, column = np.mgrid[:120, :160].astype(float)
    if spec.startswith("periodic"):
        distance = np.hypot((row - 7) % 20 - 10, (column - 3) % 25 - 12)
        truth = distance < 5
    else:
        y, x = row - 60, column - 82
        angle = np.arctan2(y, x)
        order = {"rotational:order=3": 3, "convex+rotational:order=4": 4}.get(spec, 5)
        bent = 0.05 if spec.startswith("convex") else 0.25
        wave = np.cos(order * (angle - 0.3)) if "rotational" in spec else np.cos(angle - 0.3)
        truth = np.hypot(y, x) < 35 * (1 + bent * wave)
    shown = truth.copy()
    shown[50:62, :] = False
    return truth, shown


@pytest.mark.parametrize("spec", PLANE.values())
def test_a_fit_keeps_the_property_and_fills_what_is_hidden(spec):
    truth, seen_part = pattern(spec)
    noise = np.random.default_rng(0).normal(size=truth.shape) * 0.2
    values = torch.from_numpy(np.clip(np.where(seen_part, 0.9, 0.1) + noise, 0, 1)).float()
    frame = ImageGeometry(truth.shape)
    grid = DenseEvidence(signed_evidence(values), frame.normalized_axes(values))
    shape = ShapeSpec.parse(spec).build(2, frame)
    for _ in iter_project_shape(shape, grid):
        check_properties(spec, build_double(shape, spec, frame), frame, 2)
    with torch.no_grad():
        mask = (shape(grid.points) > 0).view(truth.shape).numpy()
    # Another pattern than the true one may be equally near: a hidden row shifts what is centred.
    assert (mask & truth).sum() / (mask | truth).sum() > 0.8
    for _ in iter_project_shape(shape, grid, warm=True):
        pass
    check_properties(spec, build_double(shape, spec, frame), frame, 2)


def build_double(shape, spec, frame):
    other = ShapeSpec.parse(spec).build(2, frame).double()
    other.load_state_dict(shape.state_dict())
    return other


@pytest.mark.parametrize("spec", HELD)
def test_what_the_user_gives_is_held(spec):
    truth, _ = pattern("star")
    frame = ImageGeometry(truth.shape)
    values = torch.from_numpy(truth).float()
    grid = DenseEvidence(signed_evidence(values), frame.normalized_axes(values))
    shape = ShapeSpec.parse(spec.replace("30/41", "55/80")).build(2, frame)
    for _ in iter_project_shape(shape, grid):
        pass
    found = shape.describe(frame)
    if "center=" in spec:
        assert found["centre"] == pytest.approx([55, 80], abs=1e-3)
    else:
        assert found["axis_degrees"] == pytest.approx(20, abs=1e-3)
        row, column = np.array(found["axis_point"]) - [55, 80]
        assert row * math.cos(math.radians(20)) == pytest.approx(
            column * math.sin(math.radians(20)), abs=1e-3
        )


@pytest.mark.parametrize("spec", HELD_LATTICES)
def test_a_lattice_that_the_user_gives_is_held(spec):
    frame = ImageGeometry((90, 120), (1.5, 1.0))
    row, column = np.mgrid[:90, :120].astype(float)
    place = np.stack([row, column], -1) @ np.linalg.inv([[0, 24], [20.5, 3]])
    truth = np.abs(place % 1 - 0.5).max(-1) < 0.3
    values = torch.from_numpy(truth).float()
    grid = DenseEvidence(signed_evidence(values), frame.normalized_axes(values))
    shape = ShapeSpec.parse(spec).build(2, frame)
    for _ in iter_project_shape(shape, grid):
        pass
    np.testing.assert_allclose(shape.describe(frame)["lattice"], [[0, 24], [20.5, 3]], atol=1e-4)
    mask = (
        shape(frame.to_normalized(torch.cartesian_prod(*map(torch.arange, (90, 120))).float())) > 0
    )
    mask = mask.view(90, 120).numpy()
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9


def test_a_held_lattice_needs_nothing_that_repeats():
    frame, blank = ImageGeometry((60, 80)), torch.full((60, 80), 0.4)
    grid = DenseEvidence(signed_evidence(blank), frame.normalized_axes(blank))
    with pytest.raises(InputError, match="nothing repeats"):
        ShapeSpec.parse("periodic").build(2, frame).initial_states(grid)
    assert len(ShapeSpec.parse(HELD_LATTICES[0]).build(2, frame).initial_states(grid)) == 1


@pytest.mark.parametrize("order", [3, 4, 5, 7])
@pytest.mark.parametrize("name", ["rotational", "star+rotational"])
def test_the_order_is_found(name, order):
    row, column = np.mgrid[:128, :128].astype(float)
    y, x = row - 60, column - 66
    wave = np.cos(order * np.arctan2(y, x))
    truth = np.hypot(y, x) < 35 * (1 + 0.35 * wave)
    frame, values = ImageGeometry(truth.shape), torch.from_numpy(truth).float()
    grid = DenseEvidence(signed_evidence(values), frame.normalized_axes(values))
    shape = ShapeSpec.parse(name).build(2, frame)
    for _ in iter_project_shape(shape, grid):
        pass
    assert shape.describe(frame)["order"] == order
    assert shape.describe(frame)["centre"] == pytest.approx([60, 66], abs=0.5)


def test_the_lattice_is_found_between_pixels():
    row, column = np.mgrid[:256, :256].astype(float)
    lattice = np.array([[21.3, 2.6], [-4.2, 17.8]])
    place = np.stack([row, column], -1) @ np.linalg.inv(lattice)
    near = ((place + 0.5) % 1 - 0.5) @ lattice
    dots = np.hypot(near[..., 0], near[..., 1]) < 5
    found = find_lattice(torch.from_numpy(np.where(dots, 1.0, -1.0)).float()).double().numpy()
    times = found @ np.linalg.inv(lattice)
    assert abs(np.linalg.det(times)) == pytest.approx(1, abs=0.01)
    assert np.abs(times - times.round()).max() < 0.01


def test_nothing_repeats_in_one_disc():
    assert find_lattice(torch.full((40, 40), -1.0)) is None


def test_bases():
    t = torch.linspace(2, 4, 9, dtype=torch.float64).requires_grad_()
    values, slopes = gaussian_bumps(t, 7)
    assert torch.allclose(values.sum(1), torch.ones_like(t), atol=2e-3)
    derivative = torch.autograd.functional.jacobian(lambda s: gaussian_bumps(s, 7)[0].sum(0), t)
    assert torch.allclose(slopes.T, derivative)
    orders, weights = torch.tensor([2.0, 5.0]).double(), torch.arange(5.0).double()
    (slope,) = torch.autograd.grad((fourier_basis(t, orders) @ weights).sum(), t)
    assert torch.allclose(slope, fourier_derivative(fourier_basis(t, orders), orders, weights))


@pytest.mark.parametrize(
    ("spec", "ndim", "word"),
    [
        ("star:center=3", 2, "numbers"),
        ("star:center=3/x", 2, "slash"),
        ("mirror:axis=3/4", 2, "three"),
        ("mirror:axis=3/4/5", 3, "2 axes"),
        ("star+mirror:axis=3/4/5,center=3/4", 2, "either"),
        ("periodic:lattice=3/4", 2, "both steps"),
        ("periodic:lattice=3/4/1/1", 2, "2 pixels"),
        ("periodic:lattice=3/4/6/8", 2, "same direction"),
        ("rotational:order=1", 2, "64"),
        ("rotational:order=x", 2, "order"),
        ("rotational:order=3", 4, "2 or 3"),
    ],
)
def test_bad_options_are_told_in_one_sentence(spec, ndim, word):
    with pytest.raises(InputError, match=word) as caught:
        ShapeSpec.parse(spec).build(ndim, ImageGeometry((9,) * ndim))
    assert "\n" not in str(caught.value)
