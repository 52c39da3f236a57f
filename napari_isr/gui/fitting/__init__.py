"""Fits in a thread: what a job is, who runs it, what it tells; no napari."""
