"""Answers of what was not done: a page, or the part of a page that was asked for."""

from __future__ import annotations

import re

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from rescind.dashboard.known_sentences import known
from rescind.dashboard.rendering import page

_NAME = re.compile(r"[a-z][a-z-]{0,40}", re.ASCII)


def trouble(request: Request, status: int, title: str, why: str) -> Response:
    """A page that says why; where a script asked for a part of a page, that part.

    The script, htmx, shows no answer with an error's status. Without a part that says
    why, the former content would stay, as if it were the answer.
    """
    why = known(why)
    part = request.headers.get("hx-target", "")
    if request.headers.get("hx-request") and _NAME.fullmatch(part):
        said = Markup('<div id="{}"><p class="note bad" role="alert">{}</p></div>')
        return HTMLResponse(said.format(part, why))
    return page(request, "trouble.html", status, title=title, why=why)
