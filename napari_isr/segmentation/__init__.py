"""Segmentation pipeline: features, predictor, shapes and rendering."""
