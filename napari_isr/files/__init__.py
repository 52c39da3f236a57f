"""Files: pictures, large ones where they lie, and writing that is whole or not at all."""
