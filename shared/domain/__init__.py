"""The pure language of Pacer: time, people, KPIs, facts, readings. No I/O, no clock, no settings."""
