"""Depth and time in the dock: axes, coordinates, surfaces, masks between frames."""
