"""The parts of a run of the segmenter: what is seen, learned, sketched and fitted."""
