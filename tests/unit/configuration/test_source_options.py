"""Every provider has its options, and secrets have the form that their sender gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration.source_options import OPTIONS, SECRET_FORMS, Provider
from shared.domain.sources import Enrich
from tests.unit.configuration.conftest import Load, Problems


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


def enriched(provider: str, secret: Path, enrich: str) -> str:
    return (
        f"sources:\n- id: crm\n  provider: {provider}\n  public_url: https://hooks.example/v1/webhooks/crm\n"
        f"  secrets: [{{file: {secret}}}]\n  enrich: {enrich}\n"
    )


@pytest.mark.parametrize(
    ("provider", "more", "wanted"),
    [
        ("hubspot", "", Enrich("t0ken", "https://api.hubapi.com", 5)),
        ("pipedrive", "", Enrich("t0ken", "https://api.pipedrive.com", 5)),
        (
            "pipedrive",
            ", base_url: https://acme.pipedrive.com, requests_per_second: 0.5",
            Enrich("t0ken", "https://acme.pipedrive.com", 0.5),
        ),
    ],
)
def test_a_crm_may_be_asked_for_what_it_leaves_out(
    load: Load, tmp_path: Path, provider: str, more: str, wanted: Enrich
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("t0ken\n")
    text = enriched(provider, secret, f"{{token: {{file: {secret}}}{more}}}")
    found = load(sources=text).sources["crm"].enrich
    assert found == wanted and "t0ken" not in repr(found)


@pytest.mark.parametrize(
    ("provider", "enrich", "told"),
    [
        ("native", "{token: {file: SECRET}}", "cannot be asked yet, only: hubspot, pipedrive"),
        ("hubspot", "{token: literal}", "never written into a file"),
        ("hubspot", "{token: {file: /nowhere}}", "cannot be read"),
        ("hubspot", "{token: {file: SECRET}, base_url: ftp://api}", "is no address"),
        ("hubspot", "{token: {file: SECRET}, requests_per_second: 0}", "greater than 0"),
        ("hubspot", "{}", "token"),
    ],
)
def test_what_cannot_ask_is_told(problems: Problems, tmp_path: Path, provider: str, enrich: str, told: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("t0ken")
    (problem,) = problems(sources=enriched(provider, secret, enrich.replace("SECRET", str(secret))))
    assert told in problem[2] and problem[0] == "sources.yaml"


def test_a_secret_that_is_none_is_told_together_with_all_else(problems: Problems) -> None:
    told = problems(
        sources=(
            "sources:\n"
            "- {id: crm, provider: close, secrets: [{env: CRM_SECRET}]}\n"
            "- {id: om, provider: salesforce_outbound_message, secrets: [{env: CRM_SECRET}]}\n"
        )
    )
    assert [(line, message.split(".")[0]) for _, line, message in sorted(told)] == [
        (2, "a secret of `crm` cannot be one: Close's signature_key is an even number of hex digits"),
        (3, "`organization_ids` is missing"),
    ]
