"""The distance of a network's predictions to a shape, as a loss."""

from __future__ import annotations

import copy
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr import ShapeRegularizer
from napari_isr.certificates import convexity_defects
from napari_isr.errors import InputError
from napari_isr.segmentation import nearest_shape

SIZE = (40, 48)


def away(row, column, size=SIZE):
    """Distance of each pixel from a place."""
    rows, columns = torch.meshgrid(*(torch.arange(n * 1.0) for n in size), indexing="ij")
    return torch.hypot(rows - row, columns - column)


def disc(radius=12.0, row=20.0, column=22.0):
    return radius - away(row, column)


def crescent():
    return torch.minimum(disc(14.0), away(20, 33) - 10)


def noisy(logits, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return logits + 0.5 * torch.randn(logits.shape, generator=draw, dtype=logits.dtype)


@pytest.mark.parametrize("sure", [1.0, 4.0])
def test_what_has_the_shape_costs_nothing_and_what_has_not_does(sure):
    logits = sure * torch.stack([disc(), disc(5.0, 10, 10), crescent()])
    large, small, bitten = ShapeRegularizer("convex", reduction="none")(logits)
    assert max(large, small) < 0.002
    assert bitten > 5 * max(large, small)
    assert ShapeRegularizer("mirror")(logits[2:]) < 0.7 * bitten


def test_objects_of_a_batch_do_not_see_each_other():
    logits = noisy(torch.stack([disc(), crescent(), disc(3.0, 30, 8), disc(60.0)]))
    every = ShapeRegularizer("convex", reduction="none")
    together = every(logits)
    for alone, one in zip(logits, together, strict=True):
        assert every(alone[None])[0] == pytest.approx(float(one), rel=1e-4, abs=1e-7)
    assert ShapeRegularizer("convex")(logits) == pytest.approx(float(together.mean()))
    assert ShapeRegularizer("convex", reduction="sum")(logits) == pytest.approx(
        float(together.sum())
    )


@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("shape", ["convex", "star", "rotational:order=3", "convex+mirror"])
def test_the_gradient_is_that_of_the_distance_with_its_best_shape(shape, weight):
    """The envelope theorem, against differences of distances whose shapes are fitted anew."""
    logits = noisy(crescent().double())[None].requires_grad_()
    logits.data[logits.abs() < 0.2] = 0.2  # no step crosses 0, where the weight jumps
    known = ShapeRegularizer(shape, foreground_weight=weight)
    for _ in range(4):  # to the minimum
        loss = known(logits, index=[0])
    (gradient,) = torch.autograd.grad(loss, logits)
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(logits.shape, generator=draw, dtype=logits.dtype)
    blurred = torch.nn.functional.avg_pool2d(noise, 7, 1, 3)
    for direction in (gradient / gradient.norm(), blurred / blurred.norm()):
        step = 0.1 * direction.clamp(-1, 1)
        ends = [copy.deepcopy(known)(logits.detach() + s, index=[0]) for s in (step, -step)]
        expected = float(ends[0] - ends[1]) / 0.2
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=0.05, abs=2e-5)


def test_descent_fills_the_bite():
    logits = (3 * crescent()[None]).clamp(-6, 6).requires_grad_()
    known = ShapeRegularizer("convex", reduction="sum")
    before = int(convexity_defects((logits[0] > 0).numpy()).sum())
    optimizer = torch.optim.Adam([logits], 0.3)
    for _ in range(60):
        optimizer.zero_grad()
        known(logits, index=["bite"]).backward()
        optimizer.step()
    assert before > 50
    assert int(convexity_defects((logits[0] > 0).numpy()).sum()) < 0.1 * before
    assert bool((logits[0] > 0).any())


def test_nothing_predicted_is_no_error_and_has_no_gradient():
    logits = torch.stack([disc() - 50, crescent(), torch.full(SIZE, -200.0)]).requires_grad_()
    loss = ShapeRegularizer("convex", reduction="none")(logits)
    loss.sum().backward()
    assert loss[0] == loss[2] == 0 < loss[1]
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[[0, 2]].any()
    assert logits.grad[1].any()
    found = ShapeRegularizer("convex").project(logits)
    assert not found[[0, 2]].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_loss_and_gradient_are_of_the_dtype_of_the_logits(dtype):
    logits = crescent()[None].to(dtype).requires_grad_()
    loss = ShapeRegularizer("convex")(logits)
    loss.backward()
    assert loss.dtype == logits.grad.dtype == dtype
    exact = ShapeRegularizer("convex")(crescent()[None].to(dtype).double())
    assert float(loss.detach()) == pytest.approx(float(exact), rel=0.05)
    assert ShapeRegularizer("convex").project(logits).dtype == dtype


def test_a_channel_and_a_third_axis():
    flat = noisy(torch.stack([crescent(), disc()]))
    known = ShapeRegularizer("convex")
    assert known(flat[:, None]) == known(flat)
    assert known.project(flat[:, None]).shape == (2, 1, *SIZE)
    depth = torch.arange(-4.0, 5.0)[:, None, None]
    ball = 7 - torch.sqrt(away(20, 22) ** 2 + 4 * depth**2)
    ball = ball[:, 11:30, 12:32]
    bitten = torch.minimum(ball, (away(20, 27) - 6)[11:30, 12:32])
    in_space = ShapeRegularizer("convex", ndim=3, spacing=(2, 1, 1), reduction="none")
    whole, missing = in_space(torch.stack([ball, bitten])[:, None])
    assert 2 * whole < missing


def test_spacing_is_what_turns_are_about():
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(40.0), indexing="ij")
    square = 10 - torch.maximum((2 * rows - 19).abs(), (columns - 19.5).abs())
    turned = [
        float(ShapeRegularizer("rotational:order=4", spacing=s)(4 * square[None]))
        for s in ((2, 1), (1, 1))
    ]
    assert turned[0] < 0.2 * turned[1]


def test_more_weight_of_the_foreground_fills_what_is_hidden():
    truth = disc(15.0) > 0
    seen = (5 * disc(15.0)).clamp(-5, 5)
    seen[14:24, :] = seen[14:24, :].clamp(max=-5)
    seen[28:31, :] = seen[28:31, :].clamp(max=-5)
    found = []
    for weight in (1.0, 4.0):
        known = ShapeRegularizer("convex", foreground_weight=weight)
        inside = known.project(seen[None])[0] > 0.5
        found.append(float((inside & truth).sum() / (inside | truth).sum()))
    assert found[0] < 0.75
    assert found[1] > 0.93


@pytest.fixture
def steps(monkeypatch):
    """Counts the steps of all fits."""
    count = [0]

    def counted(fit):
        def run(*arguments, **options):
            for state in fit(*arguments, **options):
                count[0] += 1
                yield state

        return run

    for name in ("iter_project_shape", "minimize"):
        monkeypatch.setattr(nearest_shape, name, counted(getattr(nearest_shape, name)))
    return count


@pytest.mark.parametrize("index", [[7, "b"], torch.tensor([3, 4])])
def test_shapes_of_known_images_are_fitted_in_fewer_steps(steps, index):
    known = ShapeRegularizer("convex")
    logits = noisy(torch.stack([crescent(), disc()]))
    first = known(logits, index=index)
    cold, steps[0] = steps[0], 0
    again = known(noisy(logits, 1), index=index)
    assert 0 < steps[0] < 0.6 * cold
    fresh = ShapeRegularizer("convex")(noisy(logits, 1))
    assert float(again) < 1.02 * float(fresh)
    known.reset()
    steps[0] = 0
    assert known(logits, index=index) == first
    assert steps[0] == cold


def test_a_known_shape_follows_an_object_that_is_elsewhere_now():
    known = ShapeRegularizer("convex", reduction="none")
    known(torch.stack([3 * disc(6.0, 8, 8)]), index=["a"])
    moved = known(torch.stack([3 * disc(9.0, 28, 36)]), index=["a"])
    assert float(moved) < 0.002
    larger = torch.nn.functional.pad(3 * disc(9.0, 28, 36)[None], (20, 0, 9, 0), value=-30.0)
    assert float(known(larger, index=["a"])) < 0.002


def test_images_of_no_weight_are_not_fitted(steps):
    logits = noisy(torch.stack([crescent(), disc(5.0)]))
    every = ShapeRegularizer("convex", reduction="none")(logits)
    steps[0] = 0
    ShapeRegularizer("convex")(logits[:1])
    alone, steps[0] = steps[0], 0
    weighted = ShapeRegularizer("convex")(logits, weight=torch.tensor([3.0, 0.0]))
    assert steps[0] == alone
    assert float(weighted) == pytest.approx(1.5 * float(every[0]))


@pytest.mark.parametrize("shape", ["convex", "star", "convex+mirror"])
def test_projections_have_the_shape(shape):
    logits = noisy(torch.stack([crescent(), disc(5.0)]))
    found = ShapeRegularizer(shape).project(logits, index=[0, 1])
    assert found.shape == logits.shape
    for mask, wanted in zip((found > 0.5).numpy(), logits, strict=True):
        assert mask.any()
        assert not convexity_defects(mask).any() or shape == "star"
        expected = isr.project(torch.sigmoid(wanted).numpy(), shape, foreground_weight=1).mask
        assert np.count_nonzero(mask & expected) > 0.85 * np.count_nonzero(mask | expected)


def test_it_can_be_used_in_any_mode_and_leaves_the_rest_alone():
    logits = crescent()[None]
    known = ShapeRegularizer("convex")
    expected, state = float(known(logits)), torch.get_rng_state()
    with torch.no_grad():
        assert float(known(logits)) == expected
    with torch.inference_mode():
        assert float(known(logits.clone(), index=[0])) == expected
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(known(logits)) == pytest.approx(expected, rel=1e-3)
    assert float(known(logits, index=[0])) < 1.02 * expected
    assert torch.equal(torch.get_rng_state(), state)
    assert not list(known.parameters())
    assert not known.state_dict()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ShapeRegularizer("convexx"), "did you mean 'convex'"),
        (lambda: ShapeRegularizer("none"), "another one than 'none'"),
        (lambda: ShapeRegularizer(reduction="average"), "unknown reduction 'average'"),
        (lambda: ShapeRegularizer(foreground_weight=0), "must be positive"),
        (lambda: ShapeRegularizer(ndim=1), "1 axes"),
        (lambda: ShapeRegularizer(spacing=(1, 2, 3)), "spacing has 3 numbers"),
        (lambda: ShapeRegularizer()(disc()), r"\(40, 48\)"),
        (lambda: ShapeRegularizer()(disc()[None].expand(2, 3, -1, -1)), "3 channels"),
        (lambda: ShapeRegularizer()(disc()[None] > 0), "no tensor of floats"),
        (lambda: ShapeRegularizer()(disc()[None].numpy()), "no tensor of floats"),
        (lambda: ShapeRegularizer()(disc()[None] * np.nan), "diverged"),
        (lambda: ShapeRegularizer()(torch.zeros(0, 4, 4)), "empty"),
        (lambda: ShapeRegularizer()(disc()[None], index=[1, 2]), "index has 2 entries"),
        (lambda: ShapeRegularizer()(disc()[None], weight=torch.ones(2)), "weights must be 1"),
        (lambda: ShapeRegularizer()(disc()[None], weight=-torch.ones(1)), "not negative"),
    ],
)
def test_bad_input_is_explained(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.slow
def test_the_example_trains_and_prints_its_table(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "examples"))
    example = importlib.import_module("regularize_unet")
    monkeypatch.delitem(sys.modules, "regularize_unet")
    few = ["--images", "2", "--tests", "2", "--seeds", "1", "--steps", "10"]
    for labels in ("strokes", "masks"):
        example.main(["-o", str(tmp_path / labels), "--labels", labels, *few])
        table = capsys.readouterr().out
        assert f"| {labels} on 2 images | IoU" in table
        assert "| with the shape | 0." in table
        assert (tmp_path / labels / "regularize_unet.png").stat().st_size > 10_000
