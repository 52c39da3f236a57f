"""What colours the classes have: histograms of soft members."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_isr.features.pca import PcaReduction

__all__ = ["ColorHistograms"]

BINS = {1: 64, 2: 32, 3: 16}  # along each axis of a histogram, by the number of axes
BLUR = {1: 2.0, 2: 1.5, 3: 1.0}  # in bins
NARROWEST = 0.5  # range of an axis in deviations: a narrower one is noise
DOUBT = {1: 8e-4, 2: 3e-4, 3: 1e-4}  # share of a class that any colour may have unseen
SUREST = 4.0  # log-ratio of two classes at most

Values = npt.NDArray[np.float64]


class ColorHistograms:
    """Histograms of the colours of soft classes on cells.

    Parameters
    ----------
    colours : (h, w, c) array
        Colours of the cells, of about unit variance; of more than three channels the first three
        principal components count.
    """

    def __init__(self, colors: npt.NDArray[np.floating]) -> None:
        flat = colors.reshape(-1, colors.shape[-1]).astype(np.float32)
        self._reduction = PcaReduction(flat, 3) if flat.shape[1] > 3 else None
        flat = flat if self._reduction is None else self._reduction(flat)
        self.axes = flat.shape[1]
        self.sizes = (BINS[self.axes],) * self.axes
        self._low = flat.min(axis=0)
        self._range = np.maximum(flat.max(axis=0) - self._low, NARROWEST)
        self.codes = self._coded(flat)

    def bin_indices(self, colors: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Bin (h, w) of each of other colours (h, w, c), the nearest one of those there are."""
        flat = colors.reshape(-1, colors.shape[-1]).astype(np.float32)
        flat = flat if self._reduction is None else self._reduction(flat)
        return self._coded(flat).reshape(colors.shape[:-1])

    def _coded(self, flat: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        place = (flat - self._low) / self._range * self.sizes[0]
        index = np.clip(place.astype(np.int64), 0, self.sizes[0] - 1)
        codes: npt.NDArray[np.int64] = np.ravel_multi_index(tuple(index.T), self.sizes)
        return codes

    def log_ratios(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Log-ratios (k, h, w) of the densities of classes 1 to k and of class 0.

        Parameters
        ----------
        shares : (1 + k, h, w) array
            How far each cell belongs to each class.
        """
        found: npt.NDArray[np.float32] = self.bin_log_ratios(shares)[:, self.codes]
        return found.reshape(-1, *shares.shape[1:])

    def bin_log_ratios(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The same (k, bins), bin by bin."""
        logs = np.log(np.stack([self._density(share.ravel()) for share in shares]))
        found: npt.NDArray[np.float32] = np.clip(logs[1:] - logs[0], -SUREST, SUREST).astype("f4")
        return found

    def _density(self, share: npt.NDArray[np.floating]) -> Values:
        """Smoothed histogram of a class, never 0."""
        counts = np.bincount(self.codes, share, int(np.prod(self.sizes))).reshape(self.sizes)
        smooth = gaussian_filter(counts, BLUR[self.axes], mode="constant").ravel()
        density: Values = smooth / max(float(smooth.sum()), 1e-9) + DOUBT[self.axes]
        return density
