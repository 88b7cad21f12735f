"""Renders Jinja templates and whole pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from rescind.dashboard import formatting, translation
from rescind.dashboard.aged_lists import noted_age
from rescind.dashboard.known_sentences import known
from rescind.dashboard.list_links import list_path
from rescind.dashboard.own_words import in_words, label_of, message_of
from rescind.dashboard.reason_phrases import because, outcome
from rescind.dashboard.static_files import version
from rescind.dashboard.submission.verdict_words import verdict_words
from rescind.ledger.states import RETRYABLE

TEMPLATES = Path(__file__).parent / "templates"

FORM_AGAIN = "form_again"
"""The name in ``request.state`` of whether the page shows a form that was not done."""

templates = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)
templates.install_gettext_callables(  # type: ignore[attr-defined]
    translation.gettext, translation.ngettext, newstyle=True
)


def _spoken(words: Callable[[Any], str]) -> Callable[[Context, Any], str]:
    """A filter whose result depends on the reader's language.

    Without the context, Jinja would apply it to literals once, for the first reader.
    """
    return pass_context(lambda _context, value: words(value))


templates.filters |= {
    "at": formatting.at,
    "plain": _spoken(formatting.plain),
    "shown": formatting.shown,
    "mark": formatting.mark,
    "moment": formatting.moment,
    "known": _spoken(known),
    "said": _spoken(in_words),
    "actor": _spoken(formatting.actor),
    "rate": _spoken(formatting.rate),
    "span": _spoken(formatting.span),
}
templates.globals |= {
    "age": formatting.age,
    "because": because,
    "outcome": outcome,
    "date_of": formatting.date_of,
    "number_of": formatting.number_of,
    "units": formatting.units,
    "static_version": version(),
    "language": translation.language,
    "list_path": list_path,
    "label_of": label_of,
    "message_of": message_of,
    "retryable": RETRYABLE,
    "verdict_words": verdict_words,
}


def render(template: str, **values: Any) -> str:
    values.setdefault("now", datetime.now(UTC))
    values.setdefault("back_here", "/")
    values.setdefault("list_age", None)
    values.setdefault("form_again", False)
    return templates.get_template(template).render(values)


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
        unlimited=session is None or session.limits.unlimited,
        here=request.url.path,
        list_age=noted_age(request),
        back_here=_address(request),
        form_again=getattr(request.state, FORM_AGAIN, False),
        **values,
    )
    return HTMLResponse(text, status)


def _address(request: Request) -> str:
    """The page's own address, to come back to; the overview after a form."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
