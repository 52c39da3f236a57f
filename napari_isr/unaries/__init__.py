"""Unaries: what a predictor learned of every pixel, what was given, and what is carried on."""
