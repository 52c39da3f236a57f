"""From a logit to pixels, outlines and surfaces, at any resolution."""
