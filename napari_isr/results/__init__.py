"""Results of a segmentation."""
