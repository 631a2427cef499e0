"""Where the alerts service meets the outside."""
