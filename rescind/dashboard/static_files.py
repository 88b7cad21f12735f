"""Serves the style sheet and scripts: only the files named here."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

FOLDER = Path(__file__).parent / "static"
KINDS = {
    "desk.css": "text/css; charset=utf-8",
    "desk.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter()


@cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@cache
def version() -> str:
    """A hash in each file's address, so that a browser's cache is never out of date."""
    whole = b"".join(_content(name) for name in KINDS)
    return sha256(whole).hexdigest()[:12]


@router.get("/desk/static/{of}/{name}")
def static(of: str, name: str, request: Request) -> Response:
    if name not in KINDS:
        raise HTTPException(404)
    kept = FOR_EVER if of == version() else "no-cache"
    return Response(
        _content(name), media_type=KINDS[name], headers={"Cache-Control": kept}
    )
