"""What colours the classes have: histograms of soft members."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_isr.features.reduction import Reduction

__all__ = ["Palette"]

BINS = {1: 64, 2: 32, 3: 16}  # along each axis of a histogram, by the number of axes
BLUR = {1: 2.0, 2: 1.5, 3: 1.0}  # in bins
NARROWEST = 0.5  # range of an axis in deviations: a narrower one is noise
DOUBT = {1: 8e-4, 2: 3e-4, 3: 1e-4}  # share of a class that any colour may have unseen
SUREST = 4.0  # log-ratio of two classes at most

Values = npt.NDArray[np.float64]


class Palette:
    """Histograms of the colours of soft classes on cells.

    Parameters
    ----------
    colours : (h, w, c) array
        Colours of the cells, of about unit variance; of more than three channels the first three
        principal components count.
    """

    def __init__(self, colours: npt.NDArray[np.floating]) -> None:
        flat = colours.reshape(-1, colours.shape[-1]).astype(np.float32)
        if flat.shape[1] > 3:
            flat = Reduction(flat, 3)(flat)
        self.axes = flat.shape[1]
        bins = BINS[self.axes]
        low, high = flat.min(axis=0), flat.max(axis=0)
        place = (flat - low) / np.maximum(high - low, NARROWEST) * bins
        index = np.minimum(place.astype(np.int64), bins - 1)
        self.sizes = (bins,) * self.axes
        self.codes = np.ravel_multi_index(tuple(index.T), self.sizes)

    def log_ratios(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Log-ratios (k, h, w) of the densities of classes 1 to k and of class 0.

        Parameters
        ----------
        shares : (1 + k, h, w) array
            How far each cell belongs to each class.
        """
        logs = np.log(np.stack([self._density(share.ravel()) for share in shares]))
        ratios = np.clip(logs[1:] - logs[0], -SUREST, SUREST).astype(np.float32)
        found: npt.NDArray[np.float32] = ratios[:, self.codes].reshape(-1, *shares.shape[1:])
        return found

    def _density(self, share: npt.NDArray[np.floating]) -> Values:
        """Smoothed histogram of a class, never 0."""
        counts = np.bincount(self.codes, share, int(np.prod(self.sizes))).reshape(self.sizes)
        smooth = gaussian_filter(counts, BLUR[self.axes], mode="constant").ravel()
        density: Values = smooth / max(float(smooth.sum()), 1e-9) + DOUBT[self.axes]
        return density
