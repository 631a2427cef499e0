"""Pure decisions of the alerts service."""
