"""What crosses a process border: topics, keys, messages. Changes are additive."""
