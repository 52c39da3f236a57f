"""Actions on single objects, their import from layers, and their undo."""
