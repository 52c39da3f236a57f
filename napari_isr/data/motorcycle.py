"""Photograph with a disparity map, in which the floor is convex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_isr.data.photos import read_photograph
from napari_isr.data.sample import Sample
from napari_isr.data.scribbles import ScribbleStroke, rasterize
from napari_isr.errors import InputError

__all__ = ["motorcycle"]


def motorcycle() -> Sample:
    """Load the left picture of a stereo pair, (500, 741, 3) RGB, with its disparity.

    Disparity is the inverse of depth, so that a plane in space is one in (row, column,
    disparity), too. It is NaN where it was not measured.

    Returns
    -------
    sample : Sample
        Object 2: the floor. The map is called ``disparity``.

    References
    ----------
    .. [1] Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground
       truth", GCPR 2014.
    """
    strokes = [
        ScribbleStroke(2, [(280, 20), (320, 50), (370, 40), (430, 60)], 4),
        ScribbleStroke(2, [(460, 90), (470, 170), (462, 250), (440, 300)], 4),
        ScribbleStroke(2, [(430, 380), (440, 450), (425, 510)], 4),
        ScribbleStroke(2, [(320, 700), (370, 715), (430, 712), (475, 690)], 4),
        ScribbleStroke(2, [(480, 400), (486, 480), (480, 560)], 4),
        ScribbleStroke(1, [(275, 150), (330, 138), (380, 170)], 4),
        ScribbleStroke(1, [(380, 235), (350, 255), (300, 262)], 3),
        ScribbleStroke(1, [(200, 180), (205, 260), (200, 330), (215, 440)], 5),
        ScribbleStroke(1, [(270, 380), (320, 370), (340, 410)], 5),
        ScribbleStroke(1, [(283, 545), (290, 575), (303, 605)], 4),
        ScribbleStroke(1, [(300, 520), (350, 535), (390, 555)], 3),
        ScribbleStroke(1, [(120, 60), (150, 150), (140, 250)], 4),
        ScribbleStroke(1, [(200, 70), (240, 65), (290, 55)], 1),
        ScribbleStroke(1, [(30, 60), (60, 150), (40, 260), (70, 400), (50, 560), (70, 690)], 5),
        ScribbleStroke(1, [(170, 620), (210, 650), (250, 640), (265, 570)], 5),
    ]
    image = read_photograph("motorcycle_left.png")
    scribbles = rasterize(strokes, (image.shape[0], image.shape[1]))
    title = "A motorcycle, with depth"
    return Sample(
        "motorcycle", title, image, scribbles, None, {2: "convex"}, {"disparity": _disparity()}
    )


def _disparity() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Read the map out of scikit-image's wheel."""
    import skimage.data

    path = Path(skimage.data.__file__).parent / "motorcycle_disp.npz"
    if not path.is_file():
        raise InputError(
            "this scikit-image lacks motorcycle_disp.npz: install scikit-image from its wheel, "
            'or use the sample "fruit", which needs no file'
        )
    with np.load(path, allow_pickle=False) as data:
        values = np.asarray(data["arr_0"], dtype=np.float32)
    return np.where(np.isfinite(values), values, np.nan)
