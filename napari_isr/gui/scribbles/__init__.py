"""Scribble layer: brush, label selection and change detection."""
