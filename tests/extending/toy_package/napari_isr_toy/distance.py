"""Distance to the center of the image as a feature."""

import numpy as np


class DistanceToCenter:
    """Distance of each pixel to the center of the image, of about unit variance."""

    name = "distance"
    source = "distance to the center of the image"
    width = 1

    def __init__(self, image, geometry):
        self._geometry = geometry

    def at(self, points):
        """Return features (n, 1) at pixel coordinates (n, d)."""
        coordinates = self._geometry.to_normalized(np.asarray(points, float))
        return 3 * np.linalg.norm(coordinates, axis=1, keepdims=True)
