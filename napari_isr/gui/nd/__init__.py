"""Volumes and sequences in the dock."""
