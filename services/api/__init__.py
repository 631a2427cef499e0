"""Readings, receipts, the stream and the board over HTTP."""
