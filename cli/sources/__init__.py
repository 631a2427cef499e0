"""``pacer sources``: how each source is set up, and whether it is."""
