"""The board: static files with a strict content policy. They hold no data, so they need no key."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from services.api.adapters.http.answers import matches

STATIC = Path(__file__).parents[2] / "static"
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}
router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def board(request: Request) -> Response:
    """The board."""
    return page(request, STATIC / "index.html")


@router.api_route("/tv", methods=["GET", "HEAD"])
async def wall(request: Request) -> Response:
    """The board on the wall; its own page where there is one."""
    own = STATIC / "tv.html"
    return page(request, own if own.is_file() else STATIC / "index.html")


@router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
async def static(request: Request, name: str) -> Response:
    """A script, style or picture of the board."""
    path = (STATIC / name.replace("\0", "")).resolve()
    if not path.is_relative_to(STATIC.resolve()):
        raise HTTPException(404)
    return page(request, path)


def page(request: Request, path: Path) -> Response:
    """A file with its ETag: asked about each time, sent when it changed. Small, and read from the page cache."""
    if not path.is_file():
        raise HTTPException(404)
    content = path.read_bytes()
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **SECURITY}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(content, headers=headers, media_type=kind)
