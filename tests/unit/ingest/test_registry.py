"""A provider is there everywhere or nowhere: registry, options, files, guides, fuzzer and documents name the same."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from services.ingest.providers import registry
from services.ingest.providers.provider import Provider
from services.ingest.providers.registry import PROVIDERS
from shared.configuration.source_options import OPTIONS
from shared.configuration.source_options import Provider as ProviderName
from tests.fuzz.seeds import seeds_of
from tests.fuzz.senders import AUTHENTICATED

ROOT = Path(__file__).parents[3]
RECIPE = (ROOT / "docs" / "adding-a-provider.md").read_text()
DOCUMENT = (ROOT / "docs" / "sources.md").read_text()


def test_every_provider_that_sources_may_name_is_registered_and_has_options() -> None:
    names = {provider.value for provider in ProviderName}
    assert set(PROVIDERS) == names
    assert {provider.value for provider in OPTIONS} == names
    assert set(AUTHENTICATED) == names


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_a_file_of_its_name_with_the_same_steps(name: str) -> None:
    module = getattr(registry, name)
    assert module.PROVIDER is PROVIDERS[name]
    assert (ROOT / "services" / "ingest" / "providers" / f"{name}.py").is_file()
    for step in ("authenticate", "parse", "translate"):
        assert getattr(module, step) is getattr(PROVIDERS[name], step)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_has_a_section_and_bodies_for_the_fuzzer(name: str) -> None:
    assert f"`provider: {name}`." in DOCUMENT
    assert seeds_of(name)


def test_the_document_has_no_section_too_many() -> None:
    assert set(re.findall(r"`provider: (\w+)`", DOCUMENT)) == set(PROVIDERS)


def test_the_recipe_names_what_is_there() -> None:
    paths = re.findall(r"`((?:services|shared|tests|docs)/[\w/.]+\.(?:py|md))`", RECIPE)
    present = [path for path in paths if "NAME" not in path]
    assert present and not [path for path in present if not (ROOT / path).is_file()]
    assert not [
        path for path in re.findall(r"`(domain/\w+\.py)`", RECIPE) if not (ROOT / "services/ingest" / path).is_file()
    ]


def test_the_recipe_names_every_part_of_a_provider() -> None:
    parts = set(inspect.signature(Provider).parameters)
    unnamed = {
        part for part in parts if f"`{part}`" not in RECIPE and f"`{part}(" not in RECIPE and f"{part}=" not in RECIPE
    }
    assert unnamed == {"setup"} and "SETUP" in RECIPE
