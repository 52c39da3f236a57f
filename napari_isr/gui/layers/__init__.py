"""What a fit shows over the image: layers, outlines, handles, guides."""
