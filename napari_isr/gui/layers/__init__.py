"""Layers over the image: contours, masks, handles and markers."""
