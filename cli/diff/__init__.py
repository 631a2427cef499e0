"""``pacer diff``: what a change of the configuration moves, told before it is made."""
