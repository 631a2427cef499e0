"""The pacer command."""
