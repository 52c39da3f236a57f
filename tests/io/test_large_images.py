"""Images that are read where they lie: dask, zarr, memory maps and pyramids."""

import json

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.features import SourceImage
from napari_isr.io.chunked import open_npy, open_tiff, open_zarr
from napari_isr.io.export import export_data as contents
from napari_isr.io.readers import read_image
from napari_isr.io.scribble_files import read_geojson_lines
from napari_isr.lazy_arrays import block_mean, downsampled_shape, iter_chunks, pyramid_levels
from napari_isr.results.result import iou
from napari_isr.scribbles import Scribbles
from napari_isr.segmentation.segmenter import Segmenter

SIDE, CHUNK = 2048, 256
QUICK = "rgb,nearness,edges"


class Watched:
    """An array that counts how often each of its chunks is read, and is never read whole."""

    def __init__(self, array, chunk, most=0.99):
        self.array, self.chunks = array, (chunk,) * 2 + tuple(array.shape[2:])
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.most = most  # of the chunks that may be read at once
        self.reads = np.zeros([-(-n // chunk) for n in array.shape[:2]], int)

    def __array__(self, *args, **kwargs):
        raise AssertionError("the whole array was asked for")

    def __getitem__(self, window):
        chunks = [
            range(side.start // c, -(-side.stop // c))
            for side, c in zip(window, self.chunks, strict=False)
        ]
        self.reads[np.ix_(*chunks[:2])] += 1
        assert self.reads[np.ix_(*chunks[:2])].size <= self.most * self.reads.size
        return self.array[window]


@pytest.fixture(scope="module")
def disc():
    """A disc as an array, its mask, and strokes as lines."""
    rows, columns = np.ogrid[:SIDE, :SIDE]
    truth = np.hypot(rows - 900, columns - 1000) < 600
    image = np.where(truth, 180, 60).astype(np.uint8)
    image += np.random.default_rng(0).integers(0, 40, image.shape, np.uint8)
    lines = {
        1: [[(90, 90), (90, 1950)], [(1900, 90), (1900, 1950)]],
        2: [[(900, 800), (900, 1200)]],
    }
    return image, truth, Scribbles.from_lines((SIDE, SIDE), lines, 30)


@pytest.fixture(scope="module")
def fitted(disc):
    """Return the result for an image whose reads are counted."""
    image, _, strokes = disc
    watched = Watched(image, CHUNK)
    return watched, isr.segment(watched, strokes, features=QUICK, memory=32)


def test_no_chunk_is_read_twice_and_the_whole_never(disc, fitted):
    watched, result = fitted
    assert watched.reads.max() == 1
    item = result.objects[2]
    assert item.mask.shape == (512, 512)
    assert item.certificate.holds
    assert iou(item.render(shape=(SIDE, SIDE)), disc[1]) > 0.98


def test_of_a_pyramid_only_a_coarse_level_is_read(disc, fitted):
    image, _, strokes = disc
    fine = Watched(image, CHUNK)
    coarse = image.reshape(1024, 2, 1024, 2).mean((1, 3)).astype(np.uint8)
    middle = Watched(coarse, CHUNK, most=1)
    result = isr.segment([fine, middle], strokes, features=QUICK, memory=16)
    assert fine.reads.max() == 0
    assert middle.reads.max() == 1
    assert iou(result.mask, fitted[1].objects[2].render(shape=result.mask.shape)) > 0.99


def test_arrays_of_all_kinds_are_the_same_image(disc, tmp_path):
    image = disc[0]
    np.save(tmp_path / "image.npy", image)
    kinds = [
        zarr.array(image, chunks=(300, 200)),
        da.from_array(image, chunks=(500, 333)),
        np.load(tmp_path / "image.npy", mmap_mode="r"),
    ]
    points = np.random.default_rng(1).uniform(0, SIDE - 1, (50, 2))
    found = [SourceImage(kind, 2, memory=32) for kind in kinds]
    for source in found:
        assert source.shape == (SIDE, SIDE)
        assert source.data.shape == (1024, 1024)
        np.testing.assert_array_equal(source.at(points), found[0].at(points))
    plain = SourceImage(image.reshape(1024, 2, 1024, 2).mean((1, 3)), 2)
    np.testing.assert_allclose(
        found[0].data, plain.data, atol=0.51
    )  # rounded to whole numbers, half of one at most


@pytest.mark.parametrize("sizes", [(125, 100), (47, 53), (500, 400), (1, 7)])
@pytest.mark.parametrize("dtype", ["u1", "?", "u2", "f4"])
def test_cells_are_means(sizes, dtype):
    values = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 200, (500, 400, 3))
    values = values.astype(dtype)
    found = block_mean(zarr.array(values, chunks=(128, 90, 3)), sizes, 10**5)
    assert found.dtype == values.dtype
    assert found.shape == (*sizes, 3)
    np.testing.assert_array_equal(
        found, block_mean(da.from_array(values, (90, 400, 1)), sizes, 10**6)
    )
    assert (
        dtype == "?"
        or sizes == (1, 7)
        or float(found.mean()) == pytest.approx(float(values.mean()), rel=0.02)
    )
    if sizes == (125, 100) and dtype == "f4":
        means = values.reshape(125, 4, 100, 4, 3).mean((1, 3))
        np.testing.assert_allclose(found, means, rtol=1e-5)


def test_windows_tile_an_array_whatever_its_chunks():
    for array in (zarr.zeros((70, 91), chunks=(16, 10), dtype="u1"), np.zeros((70, 91), np.uint8)):
        for most in (1, 50, 300, 10**6):
            count = np.zeros(array.shape, int)
            for window in iter_chunks(array, most):
                count[window] += 1
                assert most == 1 or count[window].size <= most
            assert (count == 1).all()


def test_stacks_keep_their_planes_and_sequences_their_frames():
    assert downsampled_shape((16384, 16384), 2**22) == (2048, 2048)
    assert downsampled_shape((200, 1024, 1024), 2**24) == (200, 256, 256)
    assert downsampled_shape((900, 100, 100), 2**20, frames=True) == (900, 25, 25)
    assert downsampled_shape((5, 7), 100) == (5, 7)


def test_a_stack_is_read_plane_by_plane():
    stack = np.random.default_rng(0).integers(0, 99, (6, 300, 320), np.uint8)
    source = SourceImage(zarr.array(stack, chunks=(2, 64, 64)), 3, memory=16)
    np.testing.assert_allclose(source.plane((4,)), SourceImage(stack, 3).plane((4,)))
    np.testing.assert_allclose(source.plane((4,), 3), SourceImage(stack, 3).plane((4,), 3))


def test_levels_that_do_not_fit_are_one_sentence():
    fine, coarse = np.zeros((64, 64), np.uint8), np.zeros((32, 32), np.float32)
    with pytest.raises(InputError, match="levels of the pyramid do not fit"):
        pyramid_levels([fine, coarse])
    assert len(pyramid_levels([fine, fine])) == 1  # frames, not levels
    with pytest.raises(InputError, match="memory must be 16"):
        Segmenter(fine, memory=2)


def test_a_large_mask_is_written_part_by_part(fitted, tmp_path, monkeypatch):
    from napari_isr.io.export import label_tiles as parts

    result = fitted[1]
    whole = result.labels(shape=(SIDE, SIDE))
    monkeypatch.setattr(contents, "STREAMED_EXPORT_PIXELS", 10**6)
    monkeypatch.setattr(parts, "SLAB", 10**6)
    monkeypatch.setattr(contents, "MOST_PIXELS", SIDE**2 - 1)  # which can be made whole
    for name in ("mask.tif", "mask.ome.tif"):
        isr.write(result, tmp_path / name)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / name), whole)
    for _ in range(2):  # an older one is replaced
        isr.write(result, tmp_path / "mask.zarr")
    levels = open_zarr(tmp_path / "mask.zarr")
    np.testing.assert_array_equal(levels[0][:], whole)
    np.testing.assert_array_equal(levels[1][:], result.labels(shape=(SIDE // 2, SIDE // 2)))
    assert levels[0].chunks == (parts.TILE, parts.TILE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.ome.tif", "mask.tif", "mask.zarr"]
    isr.write(result, tmp_path / "mask.geojson")
    rings = json.loads((tmp_path / "mask.geojson").read_text())["features"][0]["geometry"]
    corners = np.array(rings["coordinates"][0])
    assert corners.max() - corners.min() > 1100


def test_another_folder_is_not_replaced(fitted, tmp_path):
    (tmp_path / "kept.zarr").mkdir()
    (tmp_path / "kept.zarr" / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError, match="with other files"):
        isr.write(fitted[1], tmp_path / "kept.zarr")
    assert (tmp_path / "kept.zarr" / "thesis.txt").read_text() == "all of it"


def test_files_are_opened_and_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_isr.io.chunked.LAZY_FILE_BYTES", 10**4)
    values = np.random.default_rng(0).integers(0, 99, (300, 200), np.uint8)
    np.save(tmp_path / "a.npy", values)
    tifffile.imwrite(tmp_path / "plain.tif", values)
    tifffile.imwrite(tmp_path / "tiles.tif", values, tile=(64, 64), compression="zlib")
    assert isinstance(open_npy(tmp_path / "a.npy"), np.memmap)
    assert isinstance(open_tiff(tmp_path / "plain.tif"), np.memmap)
    for found in (read_image(tmp_path / "a.npy"), *map(open_tiff, tmp_path.glob("*.tif"))):
        np.testing.assert_array_equal(np.asarray(found[:]), values)


def test_channels_of_an_ome_zarr_come_last(tmp_path):
    values = np.random.default_rng(0).integers(0, 99, (1, 3, 1, 40, 50), np.uint8)
    group = zarr.open_group(str(tmp_path / "i.zarr"), mode="w")
    group.create_array("0", data=values)
    group.create_array("1", data=values[..., ::2, ::2])
    axes = [{"name": name} for name in "tczyx"]
    datasets = [{"path": "0"}, {"path": "1"}]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    levels = read_image(tmp_path / "i.zarr")
    assert [level.shape for level in levels] == [(40, 50, 3), (20, 25, 3)]
    np.testing.assert_array_equal(np.asarray(levels[0]), np.moveaxis(values[0, :, 0], 0, -1))
    zarr.open_group(str(tmp_path / "none.zarr"), mode="w")
    with pytest.raises(InputError, match="holds 0 arrays"):
        read_image(tmp_path / "none.zarr")


def test_wide_lines_are_thinned_out_and_count_as_much():
    lines = {1: [[(200, 200), (200, 3800)]], 2: [[(2000, 2000)]]}
    strokes = Scribbles.from_lines((4000, 4000), lines, 60)
    assert len(strokes.points) < 40_000
    assert len(strokes.points) * strokes.each == pytest.approx(3600 * 60, rel=0.1)
    assert np.abs(strokes.pixels_of(1)[:, 0] - 200).max() == 30
    np.testing.assert_array_equal(
        Scribbles.from_lines((9, 9), {2: [[(4, 4)]]}).pixels_of(2), [[4, 4]]
    )
    for wrong in ({0: [[(4, 4)]]}, {2: [[(4, 40)]]}, {2: [[4, 4]]}):
        with pytest.raises(InputError, match="a line"):
            Scribbles.from_lines((9, 9), wrong)


def test_lines_are_read_from_geojson(tmp_path):
    def feature(kind, places, about):
        return {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": places},
            "properties": about,
        }

    features = [
        feature("LineString", [[5.5, 2.5], [9.5, 2.5]], {"classification": {"name": "Background"}}),
        feature("Point", [20.5, 10.5], {"label": 2, "width": 3}),
    ]
    path = tmp_path / "strokes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    strokes = read_geojson_lines(path, (30, 40))
    np.testing.assert_array_equal(strokes.pixels_of(1), [[2, x] for x in range(5, 10)])
    assert set(map(tuple, strokes.pixels_of(2))) == {
        (10, 20),
        (9, 20),
        (11, 20),
        (10, 19),
        (10, 21),
    }
    path.write_text(json.dumps({"features": [feature("Point", [1, 1], {})]}))
    with pytest.raises(InputError, match="has no label"):
        read_geojson_lines(path, (30, 40))
    path.write_text("[")
    with pytest.raises(InputError, match="cannot be read as GeoJSON"):
        read_geojson_lines(path, (30, 40))


def test_the_command_line_reads_and_writes_zarr(disc, tmp_path):
    from typer.testing import CliRunner

    from napari_isr.cli.app import app

    image, truth, _ = disc
    zarr.save_array(str(tmp_path / "image.zarr"), image)
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    drawn[80:110, 90:1950] = drawn[1890:1910, 90:1950] = 1
    drawn[880:920, 800:1200] = 2
    zarr.save_array(str(tmp_path / "strokes.zarr"), drawn)
    names = [str(tmp_path / name) for name in ("image.zarr", "strokes.zarr")]
    outputs = ["-o", str(tmp_path / "mask.zarr"), "-o", str(tmp_path / "mask.geojson")]
    options = ["--features", QUICK, "--memory", "32"]
    done = CliRunner().invoke(app, ["segment", *names, *outputs, *options])
    assert done.exit_code == 0, done.output
    mask = open_zarr(tmp_path / "mask.zarr")[0][:] == 2
    assert iou(mask, truth) > 0.98


@pytest.mark.parametrize("shape", ["star", "connected"])
def test_only_the_rim_of_a_large_mask_is_looked_at(shape, monkeypatch):
    rows, columns = np.mgrid[:160, :200]
    item = isr.project(np.hypot(rows - 80, columns - 90) < 50 + 9 * np.sin(columns / 9), shape)
    item = item.objects[2]
    whole = item.render(6)
    window = [(30, 90), (60, 200)]
    part = item.render(6, window=window)
    assert item.mask.any()
    monkeypatch.setattr("napari_isr.results.rendered_shape.WORTH_IT", 1000)
    seen = []
    logit = item._logit
    item.__dict__["_logit"] = lambda points: seen.append(len(points)) or logit(points)
    np.testing.assert_array_equal(item.render(6), whole)
    np.testing.assert_array_equal(item.render(6, window=window), part)
    assert 0 < sum(seen) < whole.size / 2
