"""What can be done to single objects: import, rename, hide, give a shape, delete."""
