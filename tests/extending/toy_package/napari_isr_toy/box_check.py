"""Check of boxes. It imports nothing of the shape, so that it is an independent witness."""

import numpy as np

from napari_isr.certificates import Check, register_certificate_check
from napari_isr.scribble_conflicts import register_conflict_test


def check_box(mask, logit, parameters):
    """Check that a mask fills its bounding box."""
    checks = [Check(name="empty masks", value=float(not mask.any()))]
    if mask.any():
        pixels = np.argwhere(mask)
        low, high = pixels.min(axis=0), pixels.max(axis=0) + 1
        window = mask[tuple(map(slice, low, high))]
        missing = np.count_nonzero(~window)
        checks.append(Check(name="pixels missing from the bounding box", value=float(missing)))
    return checks


def find_pixels_in_box(inside, outside, parameters):
    """Select background scribbles in the bounding box of the object's scribbles."""
    low, high = inside.min(axis=0), inside.max(axis=0)
    return ((outside >= low) & (outside <= high)).all(axis=1)


register_certificate_check("box", check_box)
register_conflict_test("box", find_pixels_in_box, "in the bounding box of the strokes")
