import hashlib

import pytest

from services.api.domain.identification import Caller, identify
from services.api.domain.refusals import Forbidden, LoopbackOnly, TenantRequired, Unidentified, UnknownTenant, WrongKey
from shared.domain.access import AccessKey, Role

TOKEN = "a-token"
KEYS = (
    AccessKey(id="other", tenant="acme", sha256="0" * 64, role=Role.READER),
    AccessKey(id="ana", tenant="acme", sha256=hashlib.sha256(TOKEN.encode()).hexdigest(), role=Role.REP, rep="ana"),
)


def test_a_key_stands_for_its_viewer() -> None:
    viewer = identify(Caller(token=TOKEN), KEYS, {"acme"})
    assert (viewer.key, viewer.role, viewer.rep) == ("ana", Role.REP, "ana")


def test_a_wrong_key_is_nobody() -> None:
    with pytest.raises(WrongKey):
        identify(Caller(token="wrong"), KEYS, {"acme"})


def test_with_keys_configured_even_this_machine_needs_one() -> None:
    with pytest.raises(Unidentified):
        identify(Caller(local=True), KEYS, {"acme"})


def test_an_empty_list_of_keys_lets_nobody_in() -> None:
    with pytest.raises(Unidentified):
        identify(Caller(local=True), (), {"acme"})


def test_without_keys_this_machine_sees_everything() -> None:
    assert identify(Caller(local=True), None, {"acme"}).role is Role.ADMIN


def test_without_keys_another_machine_is_refused() -> None:
    with pytest.raises(LoopbackOnly):
        identify(Caller(local=False), None, {"acme"})


def test_a_key_of_another_tenant_is_refused() -> None:
    with pytest.raises(Forbidden):
        identify(Caller(token=TOKEN, tenant="globex"), KEYS, {"acme", "globex"})


def test_of_several_tenants_one_must_be_named() -> None:
    with pytest.raises(TenantRequired):
        identify(Caller(local=True), None, {"acme", "globex"})


def test_the_named_tenant_is_taken() -> None:
    assert identify(Caller(local=True, tenant="globex"), None, {"acme", "globex"}).tenant == "globex"


def test_an_unknown_tenant_is_refused() -> None:
    with pytest.raises(UnknownTenant):
        identify(Caller(local=True, tenant="nobody"), None, {"acme"})


def test_a_caller_never_shows_its_token() -> None:
    assert TOKEN not in repr(Caller(token=TOKEN))
