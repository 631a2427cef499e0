from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from services.api.adapters.http.app import create_app
from services.api.adapters.http.docs_page import rendered
from tests.support.api_parts import FixedConfiguration, local_client, parts
from tests.support.tenants import target, tenant


class Links(HTMLParser):
    """Keeps every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"href", "src"}]


@pytest.fixture
def app() -> FastAPI:
    return create_app(parts(FixedConfiguration(tenant(targets=[target("60")]))))


async def get(app: FastAPI, path: str) -> Any:
    async with local_client(app) as http:
        return await http.get(path)


async def test_the_page_names_no_other_host(app: FastAPI) -> None:
    links = Links()
    links.feed((await get(app, "/docs")).text)
    assert [link for link in links.found if not link.startswith(("/docs", "/openapi.json", "#"))] == []


async def test_every_operation_is_on_the_page(app: FastAPI) -> None:
    text = (await get(app, "/docs")).text
    assert [path for path in app.openapi()["paths"] if f"<code>{path}</code>" not in text] == []


async def test_the_page_has_the_boards_content_policy(app: FastAPI) -> None:
    answer = await get(app, "/docs")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_style_is_served(app: FastAPI) -> None:
    answer = await get(app, "/docs/style.css")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")


def test_what_a_document_says_is_text() -> None:
    document = {"info": {"title": "<script>"}, "paths": {}}
    assert "<script>" not in rendered(document)


@pytest.mark.parametrize("path", ["/v1/reps/ana/kpis", "/v1/teams/emea/kpis"])
async def test_readings_are_as_the_document_says(app: FastAPI, path: str) -> None:
    document = app.openapi()
    answer = (await get(app, path)).json()
    wanted = {"$ref": "#/components/schemas/Readings", "components": document["components"]}
    assert [error.message for error in Draft202012Validator(wanted).iter_errors(answer)] == []


async def test_a_refusal_is_as_the_document_says(app: FastAPI) -> None:
    document = app.openapi()
    answer = (await get(app, "/v1/reps/nobody/kpis")).json()
    wanted = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    assert [error.message for error in Draft202012Validator(wanted).iter_errors(answer)] == []
