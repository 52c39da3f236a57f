"""Files: readers, exports and sessions."""
