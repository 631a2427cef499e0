"""Where the ingest service meets the outside."""
