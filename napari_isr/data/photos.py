"""Photographs of scikit-image with hand-drawn scribbles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_isr.data.sample import Sample
from napari_isr.data.scribbles import ScribbleStroke, rasterize
from napari_isr.errors import InputError

__all__ = ["cat", "cell", "coffee", "coins", "motorcycle", "read_photograph"]


def coins() -> Sample:
    """Load three neighbouring Greek coins, (303, 384) grey.

    Returns
    -------
    sample : Sample
        Objects 2, 3 and 4, left to right; strokes across other coins are background.
    """
    strokes = [
        ScribbleStroke(2, [(246, 38), (252, 31), (262, 29), (272, 34), (278, 45), (276, 56)], 2),
        ScribbleStroke(2, [(247, 50), (255, 57), (264, 60)], 2),
        ScribbleStroke(3, [(254, 107), (259, 118), (267, 121), (275, 114), (274, 104)], 2),
        ScribbleStroke(4, [(248, 160), (244, 170), (249, 182), (259, 188), (268, 190)], 2),
        ScribbleStroke(4, [(262, 156), (270, 166), (276, 178)], 2),
        ScribbleStroke(
            1, [(224, 8), (221, 30), (225, 58), (222, 86), (224, 118), (221, 150), (226, 188)], 2
        ),
        ScribbleStroke(1, [(240, 84), (254, 83), (270, 85), (284, 84)], 2),
        ScribbleStroke(1, [(236, 138), (250, 139), (268, 139), (282, 141)], 1),
        ScribbleStroke(
            1, [(243, 6), (262, 8), (280, 7), (293, 16), (295, 60), (297, 120), (295, 190)], 2
        ),
        ScribbleStroke(1, [(236, 209), (252, 211), (270, 208), (285, 212)], 2),
        ScribbleStroke(1, [(86, 25), (90, 110), (84, 190), (89, 240)], 2),
        ScribbleStroke(1, [(156, 20), (160, 100), (156, 180), (155, 250), (150, 300)], 2),
        ScribbleStroke(
            1, [(196, 30), (190, 70), (197, 110), (193, 155), (190, 215), (196, 270), (188, 345)], 2
        ),
        ScribbleStroke(1, [(262, 226), (258, 262), (264, 300), (266, 350)], 2),
        ScribbleStroke(1, [(55, 20), (48, 90), (58, 160), (50, 220), (60, 290), (45, 350)], 2),
        ScribbleStroke(
            1, [(122, 22), (128, 95), (124, 150), (130, 210), (120, 270), (126, 340)], 2
        ),
    ]
    return _sample("coins", "Greek coins: three neighbours", "coins.png", strokes)


def coffee() -> Sample:
    """Load the white mouth of an espresso cup, with its coffee, (400, 600, 3) RGB.

    Returns
    -------
    sample : Sample
        Object 2: rim and everything inside it.
    """
    strokes = [
        ScribbleStroke(2, [(150, 230), (160, 255), (152, 285), (164, 315), (158, 345)], 4),
        ScribbleStroke(2, [(48, 235), (40, 265), (44, 300), (60, 340), (84, 372)], 4),
        ScribbleStroke(2, [(80, 182), (104, 183), (128, 190), (148, 198)], 3),
        ScribbleStroke(2, [(108, 250), (114, 285), (108, 320)], 3),
        ScribbleStroke(
            1, [(150, 130), (185, 122), (225, 128), (265, 140), (300, 165), (330, 205)], 5
        ),
        ScribbleStroke(1, [(232, 270), (238, 295), (226, 320)], 4),
        ScribbleStroke(1, [(170, 425), (205, 440), (250, 436), (290, 425)], 5),
        ScribbleStroke(1, [(74, 416), (90, 413)], 2),
        ScribbleStroke(1, [(275, 345), (285, 365), (270, 385)], 4),
        ScribbleStroke(1, [(20, 190), (45, 150), (75, 100), (110, 50), (125, 20)], 5),
        ScribbleStroke(
            1, [(30, 440), (80, 480), (150, 520), (230, 540), (320, 520), (375, 460)], 6
        ),
        ScribbleStroke(1, [(250, 40), (300, 60), (350, 110), (380, 180)], 5),
    ]
    return _sample("coffee", "Espresso: the cup's mouth", "coffee.png", strokes)


def cell() -> Sample:
    """Load a single cell, quantitative phase, (660, 550) grey.

    Returns
    -------
    sample : Sample
        Object 2: the cell's body.
    """
    strokes = [
        ScribbleStroke(2, [(345, 395), (338, 420), (344, 448), (366, 468)], 4),
        ScribbleStroke(2, [(392, 396), (408, 412), (412, 438), (400, 456)], 4),
        ScribbleStroke(1, [(290, 350), (278, 400), (282, 450), (300, 500)], 5),
        ScribbleStroke(
            1, [(350, 338), (385, 332), (420, 345), (455, 380), (465, 430), (450, 480)], 5
        ),
        ScribbleStroke(1, [(350, 520), (385, 526), (420, 518)], 5),
        ScribbleStroke(1, [(60, 60), (90, 160), (70, 270), (100, 380), (80, 480)], 6),
        ScribbleStroke(
            1, [(200, 90), (300, 110), (420, 85), (520, 130), (590, 250), (570, 400), (600, 500)], 6
        ),
    ]
    return _sample("cell", "A cell, quantitative phase image", "cell.png", strokes)


def cat() -> Sample:
    """Load the eyes of a cat, (300, 451, 3) RGB.

    Returns
    -------
    sample : Sample
        Objects 2 and 3: the left and the right eye of the picture.
    """
    strokes = [
        ScribbleStroke(2, [(100, 148), (114, 146), (128, 156), (136, 170), (132, 186)], 2),
        ScribbleStroke(2, [(98, 168), (110, 172), (122, 170)], 2),
        ScribbleStroke(2, [(94, 184), (104, 192), (116, 193)], 2),
        ScribbleStroke(3, [(126, 303), (138, 301), (150, 306), (155, 317), (148, 328)], 2),
        ScribbleStroke(3, [(120, 314), (132, 313), (142, 312)], 2),
        ScribbleStroke(3, [(120, 328), (130, 333)], 2),
        ScribbleStroke(1, [(66, 60), (60, 110), (68, 160), (62, 205), (90, 225), (120, 230)], 4),
        ScribbleStroke(1, [(100, 95), (130, 108), (160, 140), (168, 180), (155, 215)], 4),
        ScribbleStroke(1, [(80, 270), (110, 275), (150, 270), (185, 255), (230, 272)], 4),
        ScribbleStroke(1, [(88, 310), (94, 335), (110, 352)], 3),
        ScribbleStroke(1, [(180, 300), (178, 325), (165, 345)], 3),
        ScribbleStroke(1, [(20, 200), (30, 250), (22, 300)], 4),
        ScribbleStroke(1, [(40, 400), (90, 420), (160, 400), (220, 380), (270, 420)], 5),
        ScribbleStroke(1, [(60, 15), (150, 30), (220, 90), (270, 200)], 5),
    ]
    return _sample("cat", "A cat's eyes", "chelsea.png", strokes)


def _sample(name: str, title: str, file: str, strokes: Sequence[ScribbleStroke]) -> Sample:
    image = read_photograph(file)
    scribbles = rasterize(strokes, (image.shape[0], image.shape[1]))
    labels = sorted({stroke.label for stroke in strokes} - {1})
    return Sample(name, title, image, scribbles, None, dict.fromkeys(labels, "convex"))


def read_photograph(file: str) -> NDArray[np.uint8]:
    """Read a picture out of the wheel; `skimage.data.coins()` would download a missing one."""
    import skimage.data
    import skimage.io

    path = Path(skimage.data.__file__).parent / file
    if not path.is_file():
        raise InputError(
            f"this scikit-image lacks the picture {file}; install scikit-image from its wheel, "
            'or use the sample "fruit", which needs no file'
        )
    return np.asarray(skimage.io.imread(path), dtype=np.uint8)


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
