"""Devices: which one is taken, what happens without memory, and that nothing waits for one."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

import napari_isr as isr
from napari_isr import device as devices
from napari_isr.device import (
    DEVICES,
    is_out_of_memory,
    iterate_with_cpu_fallback,
    map_with_oom_split,
    resolve_device,
    to_cpu_double,
)
from napari_isr.errors import InputError
from napari_isr.fitting.sampling import Samples
from napari_isr.fitting.solvers import gauss_newton, weighted_squared_error
from napari_isr.predictors import LogisticRegression
from napari_isr.results.result import iou
from napari_isr.shapes.registry import NONE, ShapeSpec, shape_names

CPU = torch.device("cpu")
PRESENT = sorted({"cpu", resolve_device("auto").type})


@pytest.fixture
def accelerator(monkeypatch):
    """A machine on which torch sees an accelerator of any name."""

    def there(name):
        devices._working_accelerator.cache_clear()
        found = None if name is None else torch.device(name)
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: found is not None)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: found)

    yield there
    devices._working_accelerator.cache_clear()


def no_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


# ------------------------------------------------------------------------------ which one is taken


def test_auto_takes_what_works_and_says_so_if_it_does_not(accelerator, caplog, monkeypatch):
    accelerator(None)
    assert resolve_device("auto") == CPU
    for name in ("cuda", "xpu", "mps"):
        accelerator(name)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "ones", lambda *_, device: torch.full((2, 2), 1.0))
            assert resolve_device("auto").type == name
            assert resolve_device(name).type == name
        assert not caplog.records

    def too_old(*_, device):
        raise RuntimeError("the driver is too old\nsee there")

    accelerator("cuda")
    monkeypatch.setattr(torch, "ones", too_old)
    with caplog.at_level(logging.WARNING):
        assert resolve_device("auto") == resolve_device("auto") == CPU
    (record,) = caplog.records  # one line, once
    assert "does not work (the driver is too old): fitting on the CPU" in record.getMessage()
    accelerator("meta")  # as a device that nobody knows
    assert resolve_device("auto") == CPU


def test_a_device_that_is_not_there_is_one_sentence(accelerator):
    accelerator("xpu")
    with pytest.raises(InputError, match="no 'cuda' device"):
        resolve_device("cuda")
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        resolve_device("cudo")
    assert DEVICES == ("auto", "cpu", "cuda", "mps", "xpu")


# -------------------------------------------------------------------------------- without memory


def test_rows_are_done_in_halves_where_memory_does_not_suffice():
    sizes = []

    def square(rows):
        sizes.append(len(rows))
        return no_memory() if len(rows) > 1500 else rows**2

    rows = torch.arange(5000.0)
    assert torch.equal(map_with_oom_split(square, rows), rows**2)
    assert sizes == [5000, 2500, 1250, 1250, 2500, 1250, 1250]
    with pytest.raises(torch.OutOfMemoryError):
        map_with_oom_split(lambda _: no_memory(), rows)
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    with pytest.raises(RuntimeError, match="something else"):
        map_with_oom_split(lambda _: (_ for _ in ()).throw(RuntimeError("something else")), rows)


def test_a_predictor_needs_no_more_memory_than_there_is(monkeypatch, scene):
    image, scribbles, _ = scene
    wanted = isr.segment(image, scribbles, features="rgb")
    plain, seen = LogisticRegression.logits, []

    def small(self, features):
        seen.append(len(features))
        return no_memory() if len(features) > 2000 else plain(self, features)

    monkeypatch.setattr(LogisticRegression, "logits", small)
    found = isr.segment(image, scribbles, features="rgb")
    assert max(seen) > 2000
    assert np.array_equal(found.labels(), wanted.labels())


def test_a_fit_goes_to_the_cpu_if_nothing_else_helps(caplog):
    def run(device):
        yield device.type, 1
        if device.type != "cpu":
            no_memory()
        yield device.type, 2

    with caplog.at_level(logging.WARNING):
        steps = list(iterate_with_cpu_fallback(torch.device("cuda"), run))
    assert steps == [("cuda", 1), ("cpu", 1), ("cpu", 2)]
    assert [r.getMessage().count("does not suffice") for r in caplog.records] == [1]
    with pytest.raises(torch.OutOfMemoryError):  # then it is the machine's own memory
        list(iterate_with_cpu_fallback(CPU, lambda _: iter(no_memory, None)))


@pytest.mark.parametrize("call", ["segment", "project"])
def test_running_out_of_memory_changes_no_result(call, scene, monkeypatch):
    """The first device is a stand-in that computes on the CPU until it has no memory left."""
    image, scribbles, truth = scene
    arguments = (image, scribbles) if call == "segment" else (truth[2],)
    options = {"features": "rgb"} if call == "segment" else {}
    wanted = getattr(isr, call)(*arguments, **options)
    module = "napari_isr.segmentation.segmenter" if call == "segment" else "napari_isr.api"
    told = []

    def failing(device, run):
        def steps(where):
            if where.type == "cpu":
                yield from run(where)
                return
            for count, step in enumerate(run(torch.device("cpu", 0))):
                yield step
                if count == 4:
                    no_memory()

        told.append(device)
        yield from iterate_with_cpu_fallback(torch.device("cuda"), steps)

    monkeypatch.setattr(f"{module}.iterate_with_cpu_fallback", failing)
    found = getattr(isr, call)(*arguments, **options)
    assert told
    assert found.device == "cpu"
    assert np.array_equal(found.labels(), wanted.labels())


# --------------------------------------------------------------------------- the same everywhere


@pytest.mark.parametrize("name", PRESENT)
def test_results_agree_on_every_device_that_is_here(name, scene):
    image, scribbles, truth = scene
    for shape in ("convex", "connected"):
        here, there = (isr.project(truth[2], shape, device=d) for d in ("cpu", name))
        assert iou(here.mask, there.mask) > 0.99
        assert there.certificate.holds
    here, there = (isr.segment(image, scribbles, device=d) for d in ("cpu", name))
    for label in truth:
        assert iou(here.objects[label].mask, there.objects[label].mask) > 0.98
        assert there.objects[label].certificate.holds


def test_small_systems_are_solved_in_double_precision():
    matrix, row = to_cpu_double(torch.eye(2), torch.arange(2.0))
    assert matrix.dtype == row.dtype == torch.float64


@pytest.mark.parametrize("name", [n for n in shape_names() if n != NONE])
def test_a_step_of_a_fit_neither_waits_for_its_device_nor_leaves_it(name):
    """Tensors without values raise where a value is asked for, or where devices are mixed."""
    shape = ShapeSpec.parse(name).build(2).to("meta")
    points, ones = torch.zeros(50, 2, device="meta"), torch.ones(50, device="meta")
    samples = Samples(points, ones, ones)
    error, inside = weighted_squared_error(shape, samples)
    matrix, gradient = gauss_newton(shape, samples, inside)
    assert error.device.type == matrix.device.type == gradient.device.type == "meta"
    assert len(matrix) == len(gradient) == len(shape.parameter_vector())
