"""The list of images: its model, its files, navigation and widget."""
