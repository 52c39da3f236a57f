"""One model holds all settings of a segmentation."""

import subprocess
import sys

import numpy as np
import pytest

import napari_isr as isr
from napari_isr.config import MACHINE_SETTINGS, SegmentationConfig


def test_the_module_loads_neither_torch_nor_qt():
    code = "import sys, napari_isr.config; print({'torch', 'qtpy', 'napari'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_field_is_described():
    for name, field in SegmentationConfig.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "fast"}, "unknown mode 'fast'"),
        ({"axes": "xy"}, "axes must be one of"),
        ({"own_shapes": {1: "star"}}, "label 1"),
        ({"per_frame": True}, "per_frame is for sequences"),
        ({"memory": -1.0}, "memory"),
        ({"seed": "many"}, "seed cannot be 'many'"),
        ({"shapes": "star"}, "unknown setting 'shapes'"),
    ],
)
def test_an_invalid_setting_is_one_sentence(settings, message):
    with pytest.raises(isr.InputError, match=message) as caught:
        SegmentationConfig(**settings)
    assert "\n" not in str(caught.value)


def test_a_mapping_of_shapes_is_split_into_the_default_and_those_of_single_objects():
    config = SegmentationConfig(shape={3: "star", 4: isr.ShapeSpec.parse("none")})
    assert [str(config.shape_for(label)) for label in (2, 3, 4)] == ["convex", "star", "none"]
    assert config.replace(shape="mirror").shape_for(2) == "mirror"
    assert config.for_labels({3}).own_shapes == {3: "star"}
    with pytest.raises(isr.InputError, match="label 4"):
        config.shapes_for([2, 3])


def test_a_frame_by_frame_fit_is_an_option_of_the_shape():
    config = SegmentationConfig(shape="star:harmonics=9", axes="tyx", per_frame=True)
    assert config.shape_for(2) == "star:harmonics=9,over_time=frames"


def test_stored_settings_are_read_back_without_those_of_the_machine():
    config = SegmentationConfig(
        shape="star", own_shapes={3: "convex"}, axes="tyx", spacing=(None, 2, 1), seed=np.int64(3)
    )
    stored = config.to_settings()
    assert not set(MACHINE_SETTINGS) & set(stored)
    assert SegmentationConfig.from_settings(stored) == config


def test_settings_of_other_versions_are_left_out():
    stored = {"shape": "star", "features": 3, "live": True, "axes": "t", "per_frame": True}
    assert SegmentationConfig.from_settings(stored) == SegmentationConfig(shape="star")


def test_the_calls_take_a_configuration_instead_of_keyword_arguments(scene):
    image, scribbles, _ = scene
    config = SegmentationConfig(
        shape={2: "star", 3: "convex"}, features="rgb", predictor="linear", seed=4
    )
    one = isr.segment(image, scribbles, config=config)
    two = isr.segment(
        image, scribbles, {2: "star", 3: "convex"}, features="rgb", predictor="linear", seed=4
    )
    assert one.seed == 4
    for label in (2, 3):
        np.testing.assert_array_equal(one.objects[label].mask, two.objects[label].mask)
    mask = one.objects[3].mask
    projected = isr.project(mask, config=SegmentationConfig(shape="mirror"))
    np.testing.assert_array_equal(projected.mask, isr.project(mask, "mirror").mask)


def test_a_setting_beside_a_configuration_is_refused(scene):
    image, scribbles, _ = scene
    with pytest.raises(isr.InputError, match="'mode' is set beside config"):
        isr.segment(image, scribbles, mode="joint", config=SegmentationConfig())
