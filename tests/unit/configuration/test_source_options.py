"""Every provider has its options, and secrets have the form that their sender gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration.source_options import OPTIONS, SECRET_FORMS, Provider
from tests.unit.configuration.conftest import Load


@pytest.mark.parametrize("provider", Provider)
def test_a_provider_has_options_if_only_none(provider: Provider) -> None:
    assert provider in OPTIONS


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        (Provider.CLOSE, "not hex"),
        (Provider.CLOSE, "abc"),
        (Provider.STANDARD_WEBHOOKS, "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Provider.STANDARD_WEBHOOKS, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Provider.STANDARD_WEBHOOKS, "whsec_MfKQ"),
        (Provider.STANDARD_WEBHOOKS, "whsec_not base64!"),
        (Provider.STANDARD_WEBHOOKS, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_a_secret_of_the_wrong_form_is_told(provider: Provider, secret: str) -> None:
    assert SECRET_FORMS[provider](secret)


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        (Provider.CLOSE, "c0ffee00c0ffee00"),
        (Provider.STANDARD_WEBHOOKS, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Provider.STANDARD_WEBHOOKS, "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="),
    ],
)
def test_a_secret_of_the_right_form_is_taken(provider: Provider, secret: str) -> None:
    assert SECRET_FORMS[provider](secret) is None


@pytest.mark.parametrize(
    ("provider", "said", "spools"),
    [
        ("pipedrive", "", True),
        ("pipedrive", ", spool: false", False),
        ("native", "", False),
        ("native", ", spool: true", True),
        ("close", ", spool: yes", True),
    ],
)
def test_a_source_spools_where_a_503_is_punished_unless_told_otherwise(
    load: Load, tmp_path: Path, provider: str, said: str, spools: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("c0ffee00")
    text = f"sources:\n- {{id: crm, provider: {provider}, secrets: [{{file: {secret}}}]{said}}}\n"
    assert load(sources=text).sources["crm"].spool is spools
