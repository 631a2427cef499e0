"""Lua scripts, each one atomic step in Redis."""
