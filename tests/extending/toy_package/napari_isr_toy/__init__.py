"""Extensions of napari-isr: a shape, a feature block and an export format."""
