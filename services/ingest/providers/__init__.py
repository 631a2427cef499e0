"""One file a CRM: pure functions from (headers, bytes, source, now) to record changes."""
