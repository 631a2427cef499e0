"""Detects shortfalls the moment they can be known, and tells people once."""
