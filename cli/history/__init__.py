"""``pacer import``: history from files into the event log, by the way that webhooks go."""
