"""Coordinate systems of images, sequences and volumes."""
