"""API keys and what they may see. A key itself is never kept, only its SHA-256."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    """Admin: everything. Manager: the subtree of her teams. Rep: herself. Reader: teams only."""

    ADMIN = "admin"
    MANAGER = "manager"
    REP = "rep"
    READER = "reader"


class AccessKey(Struct, frozen=True, kw_only=True):
    """One API key of a tenant; ``sha256`` is the hex digest of the token."""

    id: str
    tenant: str
    sha256: str
    role: Role
    rep: str | None = None
    team: str | None = None
