"""The live page of the sandbox, and its style sheet and script."""

from __future__ import annotations

from pathlib import Path

from rescind.sandbox.raw_http import HTML, Reply, Request

FOLDER = Path(__file__).parent / "static"
FILES = {
    "/static/live.css": ("live.css", "text/css; charset=utf-8"),
    "/static/live.js": ("live.js", "text/javascript; charset=utf-8"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
    ("Vary", "Accept"),
)


def wants_page(request: Request) -> bool:
    """Whether a browser asks; other programs get the guide, which is a text."""
    return "text/html" in request.headers.get("accept", "")


def page() -> Reply:
    return _file("live.html", HTML)


def part(path: str) -> Reply:
    """The style sheet or script at ``path``, one of ``FILES``."""
    return _file(*FILES[path])


def _file(name: str, kind: str) -> Reply:
    return Reply(200, (FOLDER / name).read_bytes(), HEADERS, kind)
