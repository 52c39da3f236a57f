"""napari plugin: dock, controller, layers and sample data. No other package imports Qt."""
