"""Rasterization of logits: masks, contours and surfaces at any resolution."""
