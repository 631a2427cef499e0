"""``pacer capture``: real deliveries, without the personal data, as test data (ADR 0024)."""
