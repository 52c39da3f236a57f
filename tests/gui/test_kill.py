"""``kill -9`` at random moments: every stroke older than two seconds is back, no file is broken."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_isr.session import Store, load

OLD = 2.0  # seconds
WAIT = 120  # for napari to open
ROOT = Path(__file__).parents[2]


def scribble_until_killed(folder, data, seed, seconds):
    """Let a user draw for a while; the strokes of each moment, and when it was killed."""
    folder.mkdir()
    environment = {
        **os.environ,
        "NAPARI_CONFIG": str(folder / "settings.yaml"),
        "NAPARI_ISR_DATA": str(data),
        "PYTHONPATH": str(ROOT),
    }
    np.save(folder / "image.npy", np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8))
    with (folder / "log.txt").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("scribbler.py")), str(folder), str(seed)],
            stdout=log,
            stderr=log,
            env=environment,
        )
        try:
            end = time.monotonic() + WAIT
            while not list(folder.glob("0001-*.npy")):
                assert child.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < end, "napari did not open"
                time.sleep(0.02)
            time.sleep(seconds)
            assert child.poll() is None, (folder / "log.txt").read_text()
        finally:
            killed = time.time()
            child.kill()
            child.wait()
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


def kill_again_and_again(tmp_path, kills, seed, seconds):
    """Each child takes back what the one before left, and is killed in its turn."""
    rng = np.random.default_rng(seed)
    data, counted, before = tmp_path / "kept", 0, None
    for number in range(kills):
        moments, killed = scribble_until_killed(
            tmp_path / str(number), data, seed + number, float(rng.uniform(*seconds))
        )
        if before is not None:
            np.testing.assert_array_equal(moments[0][1], before)
        check_files(data)
        left = Store(data).crashed()
        newest = left[0].snapshot() if left else None
        before = None if newest is None else newest.strokes
        counted += check_strokes(before, moments, killed)
    return counted


def test_killed_twice_and_nothing_is_lost(tmp_path):
    assert kill_again_and_again(tmp_path, 2, seed=1, seconds=(2.5, 4)) > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_fifty_moments_and_nothing_is_lost(tmp_path):
    counted = kill_again_and_again(tmp_path, 50, seed=100, seconds=(0, 6))
    print(f"{counted} strokes were older than {OLD:.0f} s, and all are back")
    assert counted > 100
