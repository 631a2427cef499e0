from tests.support.ingest_app import clock, crm, http, ingest, kept, log, registry

__all__ = ["clock", "crm", "http", "ingest", "kept", "log", "registry"]
