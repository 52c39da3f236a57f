"""Sequences: tubes, shapes that move, frames without the object, noise, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

import napari_isr as isr
from napari_isr.cli.app import main
from napari_isr.errors import InputError
from napari_isr.fitting import sequence_fit as frames
from napari_isr.fitting.sequence import iter_fit, sequence_evidence_from_array
from napari_isr.fitting.tube_initialization import motion_autocorrelation
from napari_isr.geometry.time_series import PICKED, TimeSeriesGeometry, make_geometry
from napari_isr.io.readers import read_array
from napari_isr.io.sequences import read_sequence
from napari_isr.segmentation.segmenter import Segmenter
from napari_isr.shapes.registry import ShapeSpec
from napari_isr.shapes.tube import Tube, TubeCrossSection

SIZE = 48


def discs(frames: int = 5, step: float = 4.0, radius: float = 9.0) -> np.ndarray:
    """A disc that walks to the right."""
    row, column = np.mgrid[:SIZE, :SIZE]
    return np.stack(
        [(row - 24) ** 2 + (column - 14 - step * t) ** 2 < radius**2 for t in range(frames)]
    )


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.fixture(scope="module")
def tube() -> isr.ObjectResult:
    return isr.project(discs(), "connected", axes="tyx").objects[2]


def test_time_is_no_length():
    frame = make_geometry((8, 480, 854), (), "tyx")
    assert isinstance(frame, TimeSeriesGeometry)
    first, last = frame.times([-0.5, 7.5])
    assert first == pytest.approx(-1)
    assert last == pytest.approx(1)
    space = frame.to_normalized(np.array([[0.0, 0.0, 0.0]]))[0, 1:]
    np.testing.assert_allclose(space, frame.frame_geometry.to_normalized(np.zeros((1, 2)))[0])
    longer = make_geometry((8, 480, 854), (20.0, 1.0, 1.0), "tyx")
    assert longer.times(7.0) - longer.times(0.0) == pytest.approx(140 / 427)
    assert make_geometry((8, 480, 854), (None, 1.0, 1.0), "tyx") == frame
    assert not isinstance(make_geometry((8, 48, 85), (), "zyx"), TimeSeriesGeometry)


@pytest.mark.parametrize(
    ("spacing", "axes"), [((None, 1.0, 1.0), "zyx"), ((1.0, None, 1.0), "tyx"), ((1.0,), "tyx")]
)
def test_a_wrong_spacing_is_told(spacing, axes):
    with pytest.raises(InputError, match="spacing"):
        make_geometry((4, 8, 8), spacing, axes)


def test_a_tube_follows_and_is_certified(tube):
    assert isinstance(tube.shape, Tube)
    assert overlap(tube.mask, discs()) > 0.9
    assert tube.certificate.holds
    assert "tube" in tube.certificate.by_construction
    assert tube.empty_frames == []
    assert tube.to_dict()["frames_empty"] == []


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_a_tube_is_one_piece_at_every_resolution_in_time(tube, times):
    mask = tube.upsample_time(times)
    assert mask.shape == (5 * times, SIZE, SIZE)
    assert ndimage.label(mask)[1] == 1
    assert all(ndimage.label(frame)[1] == 1 for frame in mask)
    assert (mask == tube.render(scale=(times, 1, 1))).all()


def test_between_two_frames_the_object_is_between(tube):
    half = tube.render(scale=(2, 1, 1))
    middles = [ndimage.center_of_mass(frame)[1] for frame in half]
    assert (np.diff(middles) > 0).all()


def test_a_tube_with_any_parameters_is_a_tube():
    frame = make_geometry((4, 40, 40), (), "tyx")
    shape = ShapeSpec.parse("connected").build(3, frame)
    torch.manual_seed(3)
    with torch.no_grad():
        shape.track += torch.randn_like(shape.track)
        shape.of_border.fill_(1.0)
        shape.presence.copy_(torch.tensor([1.0, -1.0, 1.0, 1.0]))
    shape.sharpness.fill_(20.0)
    item = isr.ObjectResult(2, "connected", shape, frame, np.zeros(frame.shape, np.float32))
    assert item.empty_frames == []  # it does not break within
    assert item.certificate.holds
    assert ndimage.label(item.upsample_time(5))[1] == 1
    ends = [frame.to_normalized(np.argwhere(item.mask).astype(float))[k] for k in (0, -1)]
    start, stop = (torch.from_numpy(end).float() for end in ends)
    way = shape.path_between(start, stop, torch.linspace(0, 1, 40))
    assert bool((shape(way) > -1e-2).all())


@pytest.mark.parametrize("name", ["convex", "star", "convex:over_time=frames", "star+mirror"])
def test_every_frame_has_the_shape(name):
    shown = discs()
    shown[:, 20:24, 10:30] &= np.arange(5)[:, None, None] % 2 == 0  # a bite in some frames
    item = isr.project(shown, name, axes="tyx").objects[2]
    assert item.certificate.holds
    assert overlap(item.mask, discs()) > 0.85
    assert str(ShapeSpec.parse(name)) == name == item.shape_name


def test_a_frame_without_the_object_is_empty_and_told():
    shown = discs(6, 3.0)
    shown[3] = False
    item = isr.project(shown, "convex", axes="tyx").objects[2]
    assert item.empty_frames == [3]
    alone = isr.project(shown, "convex", axes="tyx", per_frame=True).objects[2]
    assert alone.empty_frames == [3]
    gone = discs(6, 3.0)
    gone[4:] = False
    left = isr.project(gone, "connected", axes="tyx").objects[2]
    assert left.empty_frames == [4, 5]
    assert left.certificate.holds


def test_frames_of_noise_are_carried_by_the_others():
    clean, draw = discs(8, 2.5), np.random.default_rng(0)
    noisy = clean.astype(np.float32)
    noisy[[1, 4, 6]] = draw.random((3, SIZE, SIZE))
    item = isr.project(noisy, "connected", axes="tyx").objects[2]
    assert overlap(item.mask, clean) > 0.85


def test_long_sequences_are_picked_from():
    long = discs(40, 0.5)
    item = isr.project(long, "convex", axes="tyx").objects[2]
    assert item.mask.shape == long.shape
    assert overlap(item.mask, long) > 0.9
    assert len(make_geometry(long.shape, (), "tyx").key_frames) == PICKED


@pytest.fixture(scope="module")
def film() -> tuple[np.ndarray, np.ndarray]:
    truth = discs()
    draw = np.random.default_rng(1)
    image = np.where(truth[..., None], (200, 60, 40), (60, 110, 160)) + draw.normal(0, 8, (3,))
    strokes = np.zeros(truth.shape, np.uint8)
    for frame, column in ((0, 14), (4, 30)):
        strokes[frame, 22:26, column - 4 : column + 5] = 2
        strokes[frame, 2:4, 4:44] = strokes[frame, 44:46, 4:44] = 1
    return image.clip(0, 255).astype(np.uint8), strokes


@pytest.mark.parametrize("mode", ["sequential", "joint"])
def test_strokes_on_two_frames_find_the_object_in_all(film, mode):
    result = isr.segment(*film, shape="connected", axes="tyx", mode=mode, features="rgb,nearness")
    assert overlap(result.mask, discs()) > 0.85
    assert result.certificate.holds


def test_more_strokes_go_on_from_the_last_fit(film):
    image, strokes = film
    segmenter = Segmenter(image, ndim=3, axes="tyx", features="rgb,nearness")
    stages = [update.stage for update in segmenter.run(strokes, "connected")]
    more = strokes.copy()
    more[2, 22:26, 18:27] = 2
    again = [update.stage for update in segmenter.run(more, "connected")]
    assert again.count("projection") < stages.count("projection")
    assert overlap(segmenter.result.mask, discs()) > 0.85


def test_a_session_of_a_sequence_comes_back(film, tmp_path):
    image, strokes = film
    segmenter = Segmenter(image, ndim=3, axes="tyx", features="rgb,nearness")
    for _ in segmenter.run(strokes, "connected"):
        pass
    kept = isr.load_session(isr.save_session(tmp_path / "film", segmenter, scribbles=strokes))
    item, other = segmenter.result.objects[2], kept.result.objects[2]
    assert isinstance(other.frame, TimeSeriesGeometry)
    np.testing.assert_array_equal(item.upsample_time(2), other.upsample_time(2))
    assert isinstance(kept.segmenter(image).frame, TimeSeriesGeometry)


def test_a_tube_of_an_earlier_form_leaves_the_strokes(tmp_path, monkeypatch, capsys):
    strokes = np.zeros((3, SIZE, SIZE), np.uint8)
    strokes[0, 30:34, 20:24], strokes[0, 2] = 2, 1
    with monkeypatch.context() as then:
        then.setattr(TubeCrossSection, "usual_levels", {2: 4, 3: 4})
        result = isr.project(discs(3), "connected", axes="tyx")
    kept = isr.save_session(tmp_path / "old.isr", result, image=discs(3), scribbles=strokes)
    session = isr.load_session(kept)
    assert session.result is None
    assert "fitted by an earlier version" in session.lost
    np.testing.assert_array_equal(session.strokes, strokes)
    assert session.segmenter(discs(3)).frame.shape == (3, SIZE, SIZE)
    with pytest.raises(SystemExit) as done:
        main(["export", str(kept), "-o", str(tmp_path / "tube.tif")])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert "strokes and settings are there, fit it again" in error
    assert error.count("\n") == 1


def test_given_probabilities_need_no_strokes(film):
    result = isr.segment(film[0], shape="convex", given={2: discs()}, axes="tyx")
    assert overlap(result.mask, discs()) > 0.85


def test_spectral_features_are_of_one_frame(film):
    with pytest.raises(InputError, match="spectral"):
        isr.segment(*film, axes="tyx", features="spectral")


def test_per_frame_needs_a_sequence():
    with pytest.raises(InputError, match="tyx"):
        isr.project(discs()[0], per_frame=True)
    with pytest.raises(InputError, match="over_time"):
        ShapeSpec.parse("convex:over_time=never")


def test_the_command_line_reads_folders_and_writes_stacks(film, tmp_path):
    image, strokes = film
    (tmp_path / "film").mkdir()
    for number, frame in enumerate(image):
        np.save(tmp_path / "film" / f"frame{number + 8}.npy", frame)
    np.save(tmp_path / "strokes.npy", strokes)
    out, report = tmp_path / "out.tif", tmp_path / "report.json"
    arguments = [
        *("segment", str(tmp_path / "film"), str(tmp_path / "strokes.npy"), "-o", str(out)),
        *("--axes", "tyx", "--shape", "connected", "--scale", "2,1,1", "--report", str(report)),
        *("--features", "rgb,nearness", "--spacing", "auto,1,1", "--no-cache"),
    ]
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert not done.value.code
    assert read_array(out).shape == (10, SIZE, SIZE)
    found = json.loads(report.read_text())["objects"]["2"]
    assert found["frames_empty"] == []
    assert found["certificate"]["holds"]
    read = read_sequence(tmp_path / "film" / "frame*.npy", read_array, "tyx")
    assert (read == image).all()  # frame 8 before frame 10


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--per-frame"], "--axes tyx"),
        (["--axes", "zyx", "--spacing", "auto,1,1"], "auto"),
    ],
)
def test_the_command_line_says_what_is_wrong(tmp_path, capsys, extra, said):
    np.save(tmp_path / "u.npy", discs())
    with pytest.raises(SystemExit) as done:
        main(["project", str(tmp_path / "u.npy"), "-o", str(tmp_path / "o.tif"), *extra])
    assert done.value.code == 2
    assert said in capsys.readouterr().err


def test_frames_of_another_size_are_told(tmp_path: Path):
    for number, size in enumerate((8, 9)):
        np.save(tmp_path / f"{number}.npy", np.zeros((size, 8), np.uint8))
    with pytest.raises(InputError, match=r"1\.npy"):
        read_sequence(tmp_path, read_array, "tyx")
    with pytest.raises(InputError, match="no picture"):
        read_sequence(tmp_path / "*.png", read_array, "tyx")


def test_where_nothing_changed_a_warm_fit_does_not_unfold_again(monkeypatch):
    looked = []
    timetable = frames.front_arrival_samples
    monkeypatch.setattr(
        frames, "front_arrival_samples", lambda *known: looked.append(1) or timetable(*known)
    )
    shape = ShapeSpec.parse("connected").build(3, make_geometry((5, SIZE, SIZE), (), "tyx"))
    for shown, unfolding in ((discs(), 5), (discs(), 0), (discs(radius=13.0), 5)):
        looked.clear()
        evidence = sequence_evidence_from_array(shown, make_geometry(shown.shape, (), "tyx"))
        for _ in iter_fit(shape, evidence, warm=shape.explained_fraction is not None):
            pass
        assert len(looked) == unfolding
    assert len(shape.held) == 5


def test_a_body_goes_on_as_far_as_its_steps_were_alike():
    when = torch.arange(5.0)
    straight = torch.stack([when, 2 * when], dim=1)
    there_and_back = torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0]])
    slower = torch.tensor([[0.0], [8.0], [12.0], [14.0], [15.0]])
    assert motion_autocorrelation(straight, when) == pytest.approx(1)
    assert motion_autocorrelation(there_and_back, when) == 0
    assert motion_autocorrelation(slower, when) == pytest.approx(0.5)
    assert 0 < motion_autocorrelation(straight[:2], when[:2]) < 1  # of one step nothing is known
