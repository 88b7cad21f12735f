"""Renders Jinja templates and whole pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rescind.dashboard import formatting, translation
from rescind.dashboard.list_links import list_path
from rescind.dashboard.static_files import version
from rescind.ledger.states import RETRYABLE

TEMPLATES = Path(__file__).parent / "templates"

_templates = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)
_templates.install_gettext_callables(  # type: ignore[attr-defined]
    translation.gettext, translation.ngettext, newstyle=True
)
_templates.filters |= {
    "at": formatting.at,
    "plain": formatting.plain,
    "shown": formatting.shown,
    "mark": formatting.mark,
    "many": formatting.many,
    "rate": formatting.rate,
}
_templates.globals |= {
    "age": formatting.age,
    "static_version": version(),
    "language": translation.language,
    "list_path": list_path,
    "retryable": RETRYABLE,
}


def render(template: str, **values: Any) -> str:
    values.setdefault("now", datetime.now(UTC))
    return _templates.get_template(template).render(values)


def page(
    request: Request, template: str, status: int = 200, **values: Any
) -> HTMLResponse:
    """A whole page; its session comes from the request's state."""
    session = getattr(request.state, "session", None)
    text = render(
        template,
        session=session,
        operates=session is not None and session.operates,
        submits=session is not None and session.submits,
        here=request.url.path,
        **values,
    )
    return HTMLResponse(text, status)
