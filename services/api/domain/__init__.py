"""Pure decisions of the api service."""
