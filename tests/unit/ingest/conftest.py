from tests.support.ingest_app import clock, crm, http, ingest, log, registry

__all__ = ["clock", "crm", "http", "ingest", "log", "registry"]
