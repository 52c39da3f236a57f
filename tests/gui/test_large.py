"""Images that are not in memory, in the dock: they are read in parts, and never whole."""

import dask.array as da
import numpy as np
import pytest

from napari_isr.results.result import iou
from tests.gui.conftest import fit

SIDE = 512


class Parts:
    """An array that can be read in parts only."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.largest = 0

    def __getitem__(self, window):
        part = self.array[window]
        self.largest = max(self.largest, part.size)
        return part


@pytest.mark.parametrize("pyramid", [False, True])
def test_a_lazy_image_is_never_loaded_whole(
    make_napari_viewer_proxy, open_dock, qtbot, monkeypatch, pyramid
):
    monkeypatch.setattr("napari_isr.features.source_image.read_chunk_bytes", lambda memory: 2**14)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    truth = np.hypot(rows - 250, columns - 260) < 140
    values = np.where(truth, 180, 60).astype(np.uint8)
    parts = Parts(values)
    data = da.from_array(parts, chunks=(64, 64), name=False)
    levels = [data, data[::2, ::2]] if pyramid else data
    viewer = make_napari_viewer_proxy()
    viewer.add_image(levels, multiscale=pyramid, contrast_limits=(0, 255), name="large")
    dock = open_dock(viewer, shape="convex")
    dock.features = "rgb,nearness"
    dock.new.click()
    strokes = np.zeros((SIDE, SIDE), np.uint8)
    strokes[240:260, 200:320] = 2
    strokes[20:30, 20:490] = strokes[480:490, 20:490] = 1
    fit(dock, strokes, qtbot)
    assert iou(viewer.layers["large [isr]"].data == 2, truth) > 0.95
    assert parts.largest <= 64 * 64
