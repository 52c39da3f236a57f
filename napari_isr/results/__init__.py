"""What a segmentation gives back, object by object."""
