"""Autosave, recovery, sessions and preferences."""
