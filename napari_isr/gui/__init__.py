"""The only room that knows Qt and napari: dock, controller, layers, object table, sample data."""
