"""``kill -9`` at random moments: every stroke older than two seconds is back, no file is broken."""

import multiprocessing
import runpy
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_isr.io.session import SnapshotStore, load

OLD = 2.0  # seconds
WAIT = 240  # for napari to open, on a machine that is busy
PROGRAM = Path(__file__).parents[1] / "_drawing_process.py"


@pytest.fixture
def processes(tmp_path, monkeypatch):
    """Make processes that need not import napari again, where the system can do that."""
    monkeypatch.setenv("NAPARI_CONFIG", str(tmp_path / "settings.yaml"))
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["napari.viewer", "napari_isr.gui.dock_widget"])
    return context


def scribble_until_killed(processes, folder, data, seed, seconds):
    """Draw until the process is killed, and return the scribbles and the time of the kill."""
    folder.mkdir()
    np.save(folder / "image.npy", np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8))
    given = {"FOLDER": str(folder), "DATA": str(data), "SEED": seed}
    child = processes.Process(
        target=runpy.run_path,
        args=(str(PROGRAM),),
        kwargs={"init_globals": given, "run_name": "__main__"},
    )
    child.start()
    try:
        end = time.monotonic() + WAIT
        while not list(folder.glob("0001-*.npy")):
            assert child.is_alive(), f"napari ended with {child.exitcode}"
            assert time.monotonic() < end, "napari did not open"
            time.sleep(0.02)
        time.sleep(seconds)
        assert child.is_alive(), f"napari ended with {child.exitcode}"
    finally:
        killed = time.time()
        child.kill()
        child.join()
    moments = sorted(folder.glob("[0-9]*-*.npy"))
    return [(float(path.stem[5:]), np.load(path)) for path in moments], killed


def check_files(data):
    for path in data.glob("images/*/*/[0-9]*.json"):
        load(path.parent, path.name)
    for path in data.glob("images/*/*/[0-9a-f]*.png"):
        with Image.open(path) as picture:
            picture.load()


def check_strokes(back, moments, killed):
    """Strokes that were there two seconds before the kill, and were not undone since, are back."""
    old = [labels for when, labels in moments if when <= killed - OLD]
    new = [labels for when, labels in moments if when > killed - OLD]
    if not old:
        return 0
    assert back is not None
    stayed = np.all([labels == old[-1] for labels in (old[-1], *new)], axis=0)
    lost = stayed & (old[-1] > 0) & (back != old[-1])
    # The stroke that was being drawn as the end came is in no file; it can only have covered some.
    covered = lost & (back > 0)
    assert not (lost & ~covered).any(), f"{lost.sum()} pixels are lost"
    assert len(np.unique(back[covered])) < 2
    return len(old)


def kill_again_and_again(processes, tmp_path, kills, seed, seconds):
    """Each child takes back what the one before left, and is killed in its turn."""
    rng = np.random.default_rng(seed)
    data, counted, before = tmp_path / "kept", 0, None
    for number in range(kills):
        moments, killed = scribble_until_killed(
            processes, tmp_path / str(number), data, seed + number, float(rng.uniform(*seconds))
        )
        if before is not None:
            np.testing.assert_array_equal(moments[0][1], before)
        check_files(data)
        left = SnapshotStore(data).find_orphaned()
        newest = left[0].snapshot() if left else None
        before = None if newest is None else newest.strokes
        counted += check_strokes(before, moments, killed)
    return counted


def test_killed_twice_and_nothing_is_lost(tmp_path, processes):
    assert kill_again_and_again(processes, tmp_path, 2, seed=1, seconds=(2.5, 4)) > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_fifty_moments_and_nothing_is_lost(tmp_path, processes):
    counted = kill_again_and_again(processes, tmp_path, 50, seed=100, seconds=(0, 6))
    print(f"{counted} strokes were older than {OLD:.0f} s, and all are back")
    assert counted > 100
