"""``pacer quarantine``: what cannot be used, listed, shown whole, and tried again."""
