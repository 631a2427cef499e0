"""``sources.yaml``: who sends webhooks, and with which secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from shared.configuration.parsing import Section, Strict, validate
from shared.configuration.scalars import Duration, Id, word
from shared.configuration.secret_values import Secret, SecretPlaces
from shared.configuration.source_options import (
    API_ADDRESSES,
    OPTIONS,
    SALESFORCE,
    SECRET_FORMS,
    SIGNS_ITS_ADDRESS,
    SPOOLS_BY_DEFAULT,
    Provider,
)
from shared.domain.sources import Enrich, Limits, OptionValue, Source
from shared.domain.tenant import SourceRhythm

NATIVE = Provider.NATIVE.value
DEEPEST = 200
"""Far more than any CRM nests, and what every reader of ours follows without running out of stack."""


def checked_url(value: str) -> str:
    """An http address without query and fragment. Raises: ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(char.isspace() for char in value):
        raise ValueError(f"`{value[:60]}` is no address. Write it as https://hooks.example.com/v1/webhooks/hubspot")
    if parts.query or parts.fragment:
        raise ValueError("the address has a query or a fragment. Write it without")
    return value


class LimitsModel(Strict):
    """What one source may send."""

    requests_per_second: float = Field(200, gt=0, allow_inf_nan=False)
    burst: int = Field(400, ge=1)
    max_body: int = Field(1_048_576, ge=1)
    max_batch: int = Field(1000, ge=1)
    max_depth: int = Field(32, ge=1, le=DEEPEST)
    max_concurrent: int = Field(128, ge=1)


def _is_mapping(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("the options must be a mapping. Write `key: value` pairs")  # noqa: TRY004 - pydantic's way
    return value


class EnrichModel(Strict):
    """The CRM's API is asked for what its events do not say."""

    token: Secret
    base_url: Annotated[str, AfterValidator(checked_url)] | None = None
    requests_per_second: float = Field(5, gt=0, allow_inf_nan=False)


class SourceModel(Strict):
    """One source."""

    id: Id
    provider: Annotated[Provider, word(Provider)]
    public_url: Annotated[str, AfterValidator(checked_url)] | None = None
    secrets: list[Secret] = Field(min_length=1)
    won_stages: tuple[str, ...] = ()
    lost_stages: tuple[str, ...] = ()
    limits: LimitsModel = LimitsModel()
    expect_every: Duration | None = None
    spool: bool | None = None
    enrich: EnrichModel | None = None
    options: Annotated[dict[str, Any], BeforeValidator(_is_mapping)] = Field({})


class SourcesModel(Strict):
    """The file."""

    sources: tuple[SourceModel, ...] = ()

    @property
    def of_salesforce(self) -> frozenset[str]:
        """The sources whose ids are Salesforce's."""
        return frozenset(source.id for source in self.sources if source.provider in SALESFORCE)


def check_sources(section: Section[SourcesModel]) -> None:
    """Ids, stages and what a provider needs."""
    section.refuse_twins("sources", (source.id for source in section.model.sources))
    for index, source in enumerate(section.model.sources):
        at = ("sources", index)
        if source.provider in SIGNS_ITS_ADDRESS and source.public_url is None:
            section.problem(
                at, f"`public_url` of `{source.id}` is missing: its sender signs it. Add the URL it posts to"
            )
        for stage in sorted(set(source.won_stages) & set(source.lost_stages)):
            section.problem((*at, "lost_stages"), f"the stage `{stage}` is won and lost. Keep one of them")
        if source.enrich is not None and source.provider not in API_ADDRESSES:
            known = ", ".join(sorted(API_ADDRESSES))
            section.problem((*at, "enrich"), f"the API of `{source.provider}` cannot be asked yet, only: {known}")
        validate(section.document, (*at, "options"), OPTIONS[source.provider], report=section.report)


def check_source_secrets(section: Section[SourcesModel], secrets: SecretPlaces) -> None:
    """Whether every secret is there and of the form that its provider's have."""
    for index in range(len(section.model.sources)):
        tuple(_secrets(section, index, secrets))
        _enrich(section, index, secrets)


def compile_sources(section: Section[SourcesModel], tenant: str, secrets: SecretPlaces) -> dict[str, Source]:
    """Sources by id, secrets resolved; a secret that is not there is a problem of the section."""
    return {
        source.id: Source(
            id=source.id,
            tenant=tenant,
            provider=source.provider.value,
            secrets=tuple(_secrets(section, index, secrets)),
            public_url=source.public_url or "",
            won_stages=frozenset(source.won_stages),
            lost_stages=frozenset(source.lost_stages),
            limits=Limits(**source.limits.model_dump()),
            expect_every_us=source.expect_every,
            enrich=_enrich(section, index, secrets),
            spool=source.provider in SPOOLS_BY_DEFAULT if source.spool is None else source.spool,
            options=_options(source),
        )
        for index, source in enumerate(section.model.sources)
    }


def _enrich(section: Section[SourcesModel], index: int, secrets: SecretPlaces) -> Enrich | None:
    source = section.model.sources[index]
    if source.enrich is None or source.provider not in API_ADDRESSES:
        return None
    return Enrich(
        token=secrets.secret(source.enrich.token, section, ("sources", index, "enrich", "token")),
        base_url=source.enrich.base_url or API_ADDRESSES[source.provider],
        requests_per_second=source.enrich.requests_per_second,
    )


def _secrets(section: Section[SourcesModel], index: int, secrets: SecretPlaces) -> Iterator[str]:
    source = section.model.sources[index]
    form = SECRET_FORMS.get(source.provider)
    for position, reference in enumerate(source.secrets):
        at = ("sources", index, "secrets", position)
        secret = secrets.secret(reference, section, at)
        complaint = form(secret) if form and secret else None
        if complaint:
            section.problem(at, f"a secret of `{source.id}` cannot be one: {complaint}")
        yield secret


def rhythms(sources: dict[str, Source]) -> dict[str, SourceRhythm]:
    """What the domain has to know of the sources."""
    return {
        source.id: SourceRhythm(id=source.id, provider=source.provider, expect_every_us=source.expect_every_us)
        for source in sources.values()
    }


def _options(source: SourceModel) -> dict[str, OptionValue]:
    """The options that were written, parsed; durations in microseconds."""
    return OPTIONS[source.provider].model_validate(source.options).model_dump(exclude_unset=True)
