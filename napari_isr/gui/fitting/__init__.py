"""Fits in the background: jobs, their schedule and their events."""
