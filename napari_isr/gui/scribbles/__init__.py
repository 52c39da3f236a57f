"""The stroke layer: brush, keys, and when a stroke is finished."""
