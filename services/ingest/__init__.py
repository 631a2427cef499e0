"""Webhooks in, crm.events out."""
