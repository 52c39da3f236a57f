"""From image to image: the list, what is done, what is carried along."""
