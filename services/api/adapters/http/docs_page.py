"""GET /docs: the operations of /openapi.json as one page, with no script and nothing from other hosts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from fastapi import APIRouter, Request, Response

from services.api.adapters.http.pages import SECURITY, page

STYLE = Path(__file__).with_name("docs.css")
Json: TypeAlias = Mapping[str, Any]
router = APIRouter(include_in_schema=False)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def documentation(request: Request) -> Response:
    """The page; it holds no data, so it needs no key."""
    headers = {"Cache-Control": "no-cache", **SECURITY}
    return Response(rendered(request.app.openapi()), headers=headers, media_type="text/html")


@router.api_route("/docs/style.css", methods=["GET", "HEAD"])
async def style(request: Request) -> Response:
    """How it looks."""
    return page(request, STYLE)


def rendered(document: Json) -> str:
    """An OpenAPI document as HTML: operations by tag, then the schemas that they refer to."""
    title = escape(document["info"]["title"])
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} API</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="stylesheet" href="/docs/style.css"></head><body>',
            f"<h1>{title} API</h1><p>{escape(document['info'].get('description', ''))}",
            'The document for machines: <a href="/openapi.json">openapi.json</a>.</p>',
            *_operations(document),
            *_schemas(document),
            "</body></html>",
        ]
    )


def _operations(document: Json) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", ())), "other")
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>"
        yield from operations


def _operation(method: str, path: str, operation: Json) -> str:
    head = f"<summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
    parts = [f"<p>{escape(operation.get('description', ''))}</p>", _parameters(operation.get("parameters", ()))]
    if "requestBody" in operation:
        parts.append(f"<p>Body</p>{_contents(operation['requestBody'])}")
    parts += [
        f"<p>{escape(status)}: {escape(answer.get('description', ''))}</p>{_contents(answer)}"
        for status, answer in operation["responses"].items()
    ]
    return f"<details>{head}{''.join(parts)}</details>"


def _parameters(parameters: Iterable[Json]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}"
        f"{', required' if each.get('required') else ''}</td><td>{escape(each.get('description', ''))}</td></tr>"
        for each in parameters
    )
    return f"<table><tr><th>Parameter<th>In<th>Meaning</tr>{rows}</table>" if rows else ""


def _contents(holder: Json) -> str:
    return "".join(
        f"<p><code>{escape(kind)}</code> {_schema(content['schema'])}</p>"
        for kind, content in holder.get("content", {}).items()
        if content.get("schema")
    )


def _schema(schema: Json) -> str:
    """A link where the schema has a name, else all of it."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    return f"<code>{escape(json.dumps(schema))}</code>"


def _schemas(document: Json) -> Iterator[str]:
    yield "<h2>schemas</h2>"
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3><pre>{escape(json.dumps(schema, indent=1))}</pre>'
