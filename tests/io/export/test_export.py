"""Exports are read back by the libraries that others use, and compared pixel by pixel."""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from functools import cache, partial

import imageio.v3 as imageio
import numpy as np
import pytest
import resvg_py
import roifile
import shapely
import tifffile
from PIL import Image
from pycocotools.coco import COCO
from skimage.measure import mesh_surface_area, regionprops

import napari_isr as isr
from napari_isr.errors import InputError
from napari_isr.io.export import FORMATS, ExportData, known_extensions, write, write_labels
from napari_isr.io.export.label_colors import label_color
from napari_isr.io.export.polygons import nest_rings, pixel_contours, snap_ring
from napari_isr.io.export.units import unit_symbol
from napari_isr.io.readers import read_array
from napari_isr.results.result import ObjectResult, Result
from tests.conftest import disc

SCALES = (1, 3, 16)
SIZE = (40, 56)
# Theirs, with a numpy that is newer than it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = {2: "apple", 3: "pear & <leaf>", 4: "ring"}
NEAR = 0.02  # pixels of the image: polygons and masks may differ so near to the outline


def blob():
    """A bent piece, as no convex shape has it."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    radius = np.hypot(row - 22, column - 26)
    return (np.abs(radius - 11) < 4.2) & ~((row > 20) & (np.abs(column - 26) < 7))


@pytest.fixture(scope="module")
def result():
    """Convex and connected objects that overlap, and one of no shape with a hole."""
    convex = isr.project(disc(SIZE, (17.3, 20.6), 11.7)).objects[2]
    bent = isr.project(blob(), "connected").objects[2]
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    radius = np.hypot(row - 12, column - 44)
    ring = isr.project(1 / (1 + np.exp(np.abs(radius - 7.2) - 2.6)), "none").objects[2]
    found = {2: convex, 3: bent, 4: ring}
    items = {
        label: ObjectResult.from_fit(
            item.shape,
            label=label,
            shape_name=item.shape_name,
            frame=item.frame,
            probability=item.probability,
        )
        for label, item in found.items()
    }
    return Result(items)


@pytest.fixture(scope="module")
def masks_at(result):
    """Masks by label at a scale, made once."""
    return cache(lambda scale: {k: item.render(scale) for k, item in result.objects.items()})


def table(path):
    """Lines of a CSV file by label."""
    lines = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    return {int(line["label"]): line for line in lines}


def raster(polygon, size):
    """Pixels whose centre lies in a polygon (x, y) that counts from the image's corner."""
    row, column = np.mgrid[: size[0], : size[1]] + 0.5
    return shapely.contains_xy(polygon, column, row)


def close(polygon, mask, scale):
    """Return True if a polygon is the contour of a mask, up to pixels on the contour."""
    row, column = np.nonzero(raster(polygon, mask.shape) != mask)
    if not len(row):
        return True
    lines = polygon.boundary
    away = shapely.distance(lines, shapely.points(column + 0.5, row + 0.5)).max()
    return bool(away < NEAR * scale)


def as_promised(label, polygon):
    """Exactly convex, one piece without holes, valid."""
    assert polygon.is_valid
    if label in (2, 3):
        assert polygon.geom_type == "Polygon"
        assert not polygon.interiors
    if label == 2:
        assert polygon.equals(polygon.convex_hull)
        assert len(polygon.convex_hull.exterior.coords) == len(polygon.exterior.coords)
    if label == 4:
        assert len(shapely.get_parts(polygon)) == 1
        assert len(polygon.interiors) == 1
    return True


@pytest.mark.parametrize("scale", SCALES)
def test_coco_with_exact_masks(result, masks_at, tmp_path, scale, capsys):
    write(result, tmp_path / "m.json", scale=scale, names=NAMES, image="fruit.png")
    coco = COCO(tmp_path / "m.json")
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(NAMES.values())
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["file_name"], image["height"]) == ("fruit.png", SIZE[0] * scale)
    for label, mask in masks_at(scale).items():
        (found,) = coco.loadAnns(coco.getAnnIds(catIds=[label]))
        np.testing.assert_array_equal(coco.annToMask(found), mask)  # whole, where others overlap
        assert found["area"] == mask.sum()
        left, top, width, height = found["bbox"]
        assert mask[top : top + height, left : left + width].sum() == mask.sum()
        assert mask[top].any()
        assert mask[:, left + width - 1].any()


@pytest.mark.parametrize("scale", SCALES)
def test_coco_with_polygons(result, masks_at, tmp_path, scale, capsys):
    write(result, tmp_path / "m.polygons.json", scale=scale)
    coco = COCO(tmp_path / "m.polygons.json")
    for label, mask in masks_at(scale).items():
        (found,) = coco.loadAnns(coco.getAnnIds(catIds=[label]))
        seen = coco.annToMask(found)
        if label == 4:  # a COCO polygon has no holes
            np.testing.assert_array_equal(seen, mask)
            continue
        (flat,) = found["segmentation"]
        polygon = shapely.Polygon(np.reshape(flat, (-1, 2)))
        assert as_promised(label, polygon)
        assert close(polygon, mask, scale)
        # pycocotools rounds vertices to fifths of a pixel.
        row, column = np.nonzero(seen != mask)
        away = shapely.distance(polygon.boundary, shapely.points(column + 0.5, row + 0.5))
        assert away.max(initial=0) < 0.36


@pytest.mark.parametrize("scale", SCALES)
def test_geojson_as_shapely_reads_it(result, masks_at, tmp_path, scale):
    write(result, tmp_path / "m.geojson", scale=scale, names=NAMES)
    data = json.loads((tmp_path / "m.geojson").read_text())
    assert data["type"] == "FeatureCollection"
    for feature, (label, mask) in zip(data["features"], masks_at(scale).items(), strict=True):
        polygon = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert as_promised(label, polygon)
        assert close(polygon, mask, scale)
        assert polygon.exterior.is_ccw  # in the numbers of the file, as RFC 7946 wants it
        told = feature["properties"]
        assert told["objectType"] == "annotation"
        assert told["classification"] == {"name": NAMES[label], "color": list(label_color(label))}
        assert told["measurements"]["area"] == pytest.approx(mask.sum() / scale**2)
        assert told["certificate"] is (None if label == 4 else True)


@pytest.mark.parametrize("scale", SCALES)
def test_imagej_rois_as_roifile_reads_them(result, masks_at, tmp_path, scale):
    write(result, tmp_path / "m.zip", scale=scale, names=NAMES)
    rois = roifile.roiread(tmp_path / "m.zip")
    assert [roi.name for roi in rois] == list(NAMES.values())
    for roi, (label, mask) in zip(rois, masks_at(scale).items(), strict=True):
        rings = roi.coordinates(multi=True)
        polygon = shapely.Polygon(rings[0], rings[1:])
        assert as_promised(label, polygon)
        assert close(polygon, mask, scale)
        assert roi.composite == (label == 4)
        assert roi.subpixelresolution != roi.composite
        # The box is what ImageJ shows in its list: whole pixels from the corner of the image.
        left, *_, bottom = polygon.bounds
        assert abs(roi.left - left) <= 1
        assert abs(roi.bottom - bottom) <= 2


def test_an_outline_begins_at_the_corner_of_the_image_in_every_format(tmp_path, capsys):
    """A square of 3 x 4 pixels at row 2, column 5: its vertices are whole numbers everywhere."""
    labels = np.zeros((9, 12), np.uint8)
    labels[2:5, 5:9] = 2
    corners = {(5, 2), (9, 2), (9, 5), (5, 5)}
    for name in ("m.polygons.json", "m.geojson", "m.zip", "m.svg", "m.json"):
        write_labels(tmp_path / name, labels)
    annotation = json.loads((tmp_path / "m.polygons.json").read_text())["annotations"][0]
    assert set(map(tuple, np.reshape(annotation["segmentation"][0], (-1, 2)))) == corners
    coco = COCO(tmp_path / "m.polygons.json")
    np.testing.assert_array_equal(coco.annToMask(coco.anns[1]), labels == 2)
    feature = json.loads((tmp_path / "m.geojson").read_text())["features"][0]
    assert set(map(tuple, feature["geometry"]["coordinates"][0])) == corners
    (roi,) = roifile.roiread(tmp_path / "m.zip")
    assert set(map(tuple, roi.coordinates().tolist())) == corners
    assert (roi.left, roi.top) == (5, 2)
    np.testing.assert_array_equal(drawn((tmp_path / "m.svg").read_text())[2], labels == 2)


def drawn(svg):
    """Masks by label as a browser-grade renderer fills the paths of an SVG."""
    found = {}
    lines = svg.splitlines()
    for line in lines:
        if line.startswith("<path"):
            label = int(line.split('id="object-')[1].split('"')[0])
            alone = [other for other in lines if not other.startswith("<path") or other == line]
            text = "\n".join(alone).replace('fill-opacity="0.25"', 'fill-opacity="1"')
            style = "path { stroke: none; fill: #ff0000; shape-rendering: crispEdges }"
            picture = resvg_py.svg_to_bytes(
                svg_string=text, background="#000000", style_sheet=style, skip_system_fonts=True
            )
            red = np.asarray(Image.open(io.BytesIO(bytes(picture))).convert("RGB"))[..., 0]
            assert set(np.unique(red)) <= {0, 255}
            found[label] = red == 255
    return found


@pytest.mark.parametrize("scale", SCALES)
def test_svg_as_resvg_draws_it(result, masks_at, tmp_path, scale):
    write(result, tmp_path / "m.svg", scale=scale, names=NAMES)
    text = (tmp_path / "m.svg").read_text()
    assert "pear &amp; &lt;leaf>" in text or "pear &amp; &lt;leaf&gt;" in text
    shapes = {
        o.label: shapely.Polygon(p[0][:, ::-1], [h[:, ::-1] for h in p[1:]])
        for o in ExportData.from_result(result, scale).objects
        for p in o.polygons()
    }
    for label, seen in drawn(text).items():
        mask = masks_at(scale)[label]
        assert as_promised(label, shapes[label])
        assert seen.shape == mask.shape
        row, column = np.nonzero(seen != mask)
        away = shapely.distance(shapes[label].boundary, shapely.points(column + 0.5, row + 0.5))
        # The renderer counts in sixteenths of a pixel without smoothing.
        assert away.max(initial=0) < NEAR * scale + 0.1
    assert len(shapes) == 3


@pytest.mark.parametrize("scale", SCALES)
def test_pictures_and_arrays_hold_the_labels(result, masks_at, tmp_path, scale):
    if scale == 16:  # logits of a connected shape at so many points take a while
        result = Result({k: v for k, v in result.objects.items() if k != 3})
    expected = result.labels(scale)
    for ending in (".png", ".tif", ".ome.tif", ".npy", ".npz"):
        write(result, tmp_path / f"m{ending}", scale=scale)
    colors = np.array([label_color(label) for label in range(5)], np.uint8)
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), expected)
    np.testing.assert_array_equal(imageio.imread(tmp_path / "m.png")[..., :3], colors[expected])
    np.testing.assert_array_equal(read_array(tmp_path / "m.png"), expected)
    for name in ("m.tif", "m.ome.tif"):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / name), expected)
        np.testing.assert_array_equal(imageio.imread(tmp_path / name), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), expected)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["labels"], expected)
        assert kept["objects"].tolist() == list(result.objects)
        for index, label in enumerate(result.objects):
            mask = masks_at(scale)[label]
            np.testing.assert_array_equal(kept["masks"][index], mask)
            if label != 3:  # pixels of a neck are kept together beyond the logit's sign
                np.testing.assert_array_equal(kept["logits"][index] > 0, mask)
            item = result.objects[label]
            np.testing.assert_array_equal(kept["probabilities"][index], item.probability)
        told = json.loads(str(kept["parameters"]))
        assert told["2"]["certificate"]["holds"] is True
        weights = {k for k in kept if k.startswith("weights/2/")}
        assert weights == {f"weights/2/{k}" for k in result.objects[2].shape.state_dict()}


def test_a_pixel_has_its_size(result, tmp_path):
    spacing = (0.5, 0.25)
    for ending in (".tif", ".ome.tif"):
        write(result, tmp_path / f"m{ending}", spacing=spacing, unit="micrometer", scale=2)
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert file.imagej_metadata["unit"] == "micron"
        across, down = (file.pages[0].tags[k].value for k in ("XResolution", "YResolution"))
        assert (across[0] / across[1], down[0] / down[1]) == pytest.approx((8, 4))
    with tifffile.TiffFile(tmp_path / "m.ome.tif") as file:
        assert file.is_ome
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"]) == (0.125, 0.25)
    assert pixels["PhysicalSizeXUnit"] == "µm"
    large = np.full((4, 4), 70_000, np.uint32)  # a type that ImageJ has not
    write_labels(tmp_path / "l.tif", large, spacing=spacing, unit="um")
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        np.testing.assert_array_equal(file.asarray(), large)
        across = file.pages[0].tags["XResolution"].value
        assert across[0] / across[1] == pytest.approx(4e4)  # per cm


@pytest.mark.parametrize("scale", SCALES)
def test_the_table_says_what_scikit_image_measures(result, masks_at, tmp_path, scale):
    spacing = (0.5, 0.25)
    write(result, tmp_path / "m.csv", scale=scale, spacing=spacing, unit="um", names=NAMES)
    lines = table(tmp_path / "m.csv")
    for label, mask in masks_at(scale).items():
        line = lines[label]
        step = tuple(s / scale for s in spacing)
        (region,) = regionprops(mask.astype(np.uint8), spacing=step)
        found = {key: float(line[key]) for key in ("area", "axis_major", "axis_minor")}
        assert found["area"] == pytest.approx(region.area)
        assert found["axis_major"] == pytest.approx(region.axis_major_length)
        assert found["axis_minor"] == pytest.approx(region.axis_minor_length)
        rows, columns = np.nonzero(mask)
        assert float(line["centroid_row"]) == pytest.approx((rows.mean() + 0.5) / scale - 0.5)
        centre = (columns.mean() + 0.5) / scale - 0.5
        assert float(line["centroid_column"]) == pytest.approx(centre)
        assert float(line["centroid_x"]) == pytest.approx(centre * 0.25)
        (outline,) = (
            o.polygons() for o in ExportData.from_result(result, scale).objects if o.label == label
        )
        polygon = shapely.Polygon(outline[0][0], outline[0][1:])
        length = shapely.transform(polygon, partial(np.multiply, step)).length
        assert float(line["perimeter"]) == pytest.approx(length)
        assert (line["name"], line["unit"]) == (NAMES[label], "µm")
    assert [lines[k]["certificate"] for k in (2, 3, 4)] == ["True", "True", ""]
    assert "convex" in lines[2]["proof"]


def test_measures_of_a_disc_do_not_depend_on_the_scale(tmp_path):
    found = isr.project(disc(SIZE, (19.5, 27.5), 14.0))
    for scale in (1, 8):
        write(found, tmp_path / f"{scale}.csv", scale=scale)
    lines = [table(tmp_path / f"{scale}.csv")[2] for scale in (1, 8)]
    for key in ("area", "perimeter", "axis_major", "area_pixels"):
        one, other = (float(line[key]) for line in lines)
        assert one == pytest.approx(other, rel=0.02)
    assert float(lines[1]["perimeter"]) == pytest.approx(2 * np.pi * 14, rel=0.02)


def test_one_file_for_each_object(result, tmp_path):
    paths = write(result, tmp_path / "m.ome.tif", each=True)
    assert [p.name for p in paths] == ["m-2.ome.tif", "m-3.ome.tif", "m-4.ome.tif"]
    for path, (label, item) in zip(paths, result.objects.items(), strict=True):
        np.testing.assert_array_equal(tifffile.imread(path) == label, item.mask)
    (first, *_) = write(result, tmp_path / "m.zip", each=True)
    assert len(zipfile.ZipFile(first).namelist()) == 1


def test_probabilities_uncertainty_and_strokes(result, tmp_path):
    strokes = np.zeros(SIZE, np.uint8)
    strokes[3, 4:9], strokes[20, 20:30] = 1, 2
    write(result, tmp_path / "m.probabilities.tif", scale=3)  # the predictor's own resolution
    maps = tifffile.imread(tmp_path / "m.probabilities.tif")
    expected = [item.probability for item in result.objects.values()]
    np.testing.assert_array_equal(maps, expected)
    paths = write(result, tmp_path / "m.probabilities.npy", each=True)
    np.testing.assert_array_equal([np.load(p) for p in paths], expected)
    write(result, tmp_path / "m.uncertainty.npy")
    write(result, tmp_path / "m.uncertainty.tif")
    for found in (
        np.load(tmp_path / "m.uncertainty.npy"),
        tifffile.imread(tmp_path / "m.uncertainty.tif"),
    ):
        np.testing.assert_array_equal(found, result.uncertainty)
    for ending in (".png", ".tif", ".npy"):
        path = tmp_path / f"m.strokes{ending}"
        write(result, path, strokes=strokes, scale=3)
        np.testing.assert_array_equal(read_array(path), strokes)
    with pytest.raises(InputError, match="no strokes"):
        write(result, tmp_path / "x.strokes.png")
    with pytest.raises(InputError, match="no probabilities"):
        write_labels(tmp_path / "x.probabilities.tif", strokes)


def test_a_stack_is_written_as_arrays_and_refused_as_outlines(tmp_path):
    row, column = np.mgrid[:20, :24]
    stack = np.stack([np.hypot(row - 9, column - 11 - z) < 6 for z in range(5)])
    found = isr.project(stack, axes="zyx", spacing=(2, 1, 1))
    for one in FORMATS:
        name = f"m{one.extensions[0]}"
        if "strokes" in name:
            continue
        if one.extensions[0] in (".png", ".json", ".polygons.json", ".geojson", ".zip", ".svg"):
            with pytest.raises(InputError, match="holds 2 axes, but the masks have 3: write"):
                write(found, tmp_path / name)
        else:
            write(found, tmp_path / name, axes="zyx", unit="um")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        "m" + e
        for e in (
            ".tif", ".ome.tif", ".zarr", ".npy", ".npz", ".csv", ".probabilities.tif",
            ".probabilities.npy", ".uncertainty.tif", ".uncertainty.npy",
        )
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        np.testing.assert_array_equal(file.asarray() == 2, found.mask)
        assert file.imagej_metadata["spacing"] == 2
    with tifffile.TiffFile(tmp_path / "m.ome.tif") as file:
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray() == 2, found.mask)
    line = table(tmp_path / "m.csv")[2]
    assert float(line["area"]) == found.mask.sum() * 2
    assert line["perimeter"] == ""
    vertices, faces = found.objects[2].surface()
    assert float(line["surface"]) == pytest.approx(mesh_surface_area(vertices * (2, 1, 1), faces))
    assert float(line["centroid_z"]) == pytest.approx(np.nonzero(found.mask)[0].mean() * 2)


def test_the_surface_of_a_ball_is_that_of_its_radius(tmp_path):
    ball = (
        np.hypot.reduce(
            np.mgrid[:12, :24, :24] * np.array((2, 1, 1))[:, None, None, None]
            - np.array((11, 11.5, 11.5))[:, None, None, None],
            axis=0,
        )
        < 8
    )
    found = isr.project(ball, axes="zyx", spacing=(2, 1, 1))
    write(found, tmp_path / "ball.csv", axes="zyx", spacing=(1, 0.5, 0.5), unit="um")
    write_labels(tmp_path / "voxels.csv", ball.astype(np.uint8), spacing=(1, 0.5, 0.5))
    told = [
        float(table(tmp_path / f"{n}.csv")[k]["surface"]) for n, k in (("ball", 2), ("voxels", 1))
    ]
    assert told[0] == pytest.approx(4 * np.pi * 4**2, rel=0.05)
    assert told[0] < told[1] < 1.25 * told[0]  # voxels have steps
    frames = isr.project(ball, "none", axes="tyx")
    write(frames, tmp_path / "film.csv")
    assert table(tmp_path / "film.csv")[2]["surface"] == ""


def test_a_sequence_of_volumes_has_a_table(tmp_path):
    mask = np.zeros((2, 4, 12, 12), bool)
    mask[:, 1:3, 3:9, 4:10] = True
    found = isr.project(mask, "none", axes="tzyx", spacing=(None, 2, 1, 1))
    write(found, tmp_path / "m.csv", axes="tzyx")
    line = table(tmp_path / "m.csv")[2]
    assert int(float(line["area_pixels"])) == mask.sum()
    assert [float(line[f"centroid_{name}"]) for name in ("row", "column", "z")] == [5.5, 6.5, 3]
    assert line["axis_major"] == ""


def test_outlines_of_any_mask_are_its_pixels(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(40):
        mask = rng.random((9, 11)) < 0.55
        polygons = nest_rings(pixel_contours(mask))
        whole = shapely.unary_union([shapely.Polygon(p[0], p[1:]).buffer(0) for p in polygons])
        np.testing.assert_array_equal(raster(shapely.transform(whole, np.fliplr), mask.shape), mask)
        assert whole.area == mask.sum()
    assert pixel_contours(np.zeros((3, 3), bool)) == []
    assert pixel_contours(np.ones((2, 3), bool))[0].tolist() == [[0, 0], [0, 3], [2, 3], [2, 0]]


def test_rounding_keeps_what_is_convex():
    rng = np.random.default_rng(1)
    for step in (1e-3, 2.0**-6, 1.0):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 400))
        ring = 100 + 50 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        kept = shapely.Polygon(snap_ring(ring, step, convex=True))
        assert kept.equals(kept.convex_hull)
        assert len(kept.exterior.coords) == len(kept.convex_hull.exterior.coords)
        assert shapely.Polygon(ring).symmetric_difference(kept).area < 300 * step


def test_units_have_one_name():
    for name in ("um", "µm", "μm", "micrometer", "Micrometres", "micron", "microns"):
        assert unit_symbol(name) == "µm"
    assert unit_symbol("pixel") == unit_symbol("") == unit_symbol("dimensionless") == ""
    assert unit_symbol("furlong") == "furlong"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mask.jpg", "no known ending"),
        ("mask", "no known ending"),
        (".png", "no known ending"),
        ("no/mask.png", "does not exist"),
    ],
)
def test_a_wrong_name_is_one_sentence(result, tmp_path, name, says):
    with pytest.raises(InputError, match=says):
        write(result, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_other_wrong_input_is_one_sentence(result, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="choose a smaller scale"):
        write(result, tmp_path / "m.png", scale=4000)
    with pytest.raises(InputError, match="no object"):
        write(Result({}), tmp_path / "m.png")
    with pytest.raises(InputError, match="below 0"):
        write_labels(tmp_path / "m.png", np.full((3, 3), -1))
    with pytest.raises(InputError, match="no object"):
        write_labels(tmp_path / "m.npz", np.zeros((3, 3), np.uint8))
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(InputError, match=r"pip install 'napari-isr\[export\]'"):
        write(result, tmp_path / "m.zip")
    assert list(tmp_path.iterdir()) == []


def test_empty_masks_can_be_written(tmp_path):
    for one in FORMATS:
        if one.accepts_labels and one.extensions[0] != ".npz":
            write_labels(tmp_path / f"m{one.extensions[0]}", np.zeros((5, 6), np.uint8))
    assert json.loads((tmp_path / "m.geojson").read_text())["features"] == []
    assert len(known_extensions()) == len(set(known_extensions()))
