"""Who is asking? Decided from the key she shows, or from where she asks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection

from msgspec import Struct

from services.api.domain.refusals import (
    Forbidden,
    LoopbackOnly,
    TenantRequired,
    Unidentified,
    UnknownTenant,
    WrongKey,
)
from services.api.domain.viewers import Viewer
from shared.domain.access import AccessKey, Role


class Caller(Struct, frozen=True, kw_only=True):
    """What a request says of its sender; ``local``: from this machine, and asking for this machine by name."""

    token: str | None = None
    local: bool = False
    tenant: str | None = None

    def __repr__(self) -> str:
        return f"Caller(local={self.local}, tenant={self.tenant!r})"


def identify(caller: Caller, keys: tuple[AccessKey, ...] | None, tenants: Collection[str]) -> Viewer:
    """The viewer. ``keys`` None: nobody has configured access, and only this machine is answered.

    Raises: Unidentified, Forbidden, TenantRequired, UnknownTenant.
    """
    if keys is None:
        if not caller.local:
            raise LoopbackOnly(
                "without access.yaml only this machine is answered; create a key with: pacer token create"
            )
        return Viewer(tenant=_tenant(caller.tenant, tenants), role=Role.ADMIN)
    if caller.token is None:
        raise Unidentified("send a key: Authorization: Bearer KEY")
    viewer = Viewer.of_key(key_of(caller.token, keys))
    if caller.tenant not in (None, viewer.tenant):
        raise Forbidden("this key belongs to another tenant")
    return viewer


def key_of(token: str, keys: tuple[AccessKey, ...]) -> AccessKey:
    """The key that a token is; every one is compared, in constant time. Raises: WrongKey."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    found = [key for key in keys if hmac.compare_digest(key.sha256.lower().encode(), digest.encode())]
    if not found:
        raise WrongKey("nobody has this key")
    return found[0]


def _tenant(asked: str | None, tenants: Collection[str]) -> str:
    if asked is not None:
        if asked not in tenants:
            raise UnknownTenant(f"there is no tenant {asked[:80]!r}")
        return asked
    if len(tenants) != 1:
        raise TenantRequired("there are several tenants: add ?tenant=")
    return next(iter(tenants))
