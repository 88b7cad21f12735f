"""Keeps what was typed into a form that no session, or an earlier one, sent.

Nothing is done with such a form. Without a session, the answer is a page that holds the
form's fields. The user signs in in another tab and continues there, and so sends the
fields again, without a key. What has the key of no session, or of an earlier one, is
shown as the form that it was, filled in, with the key of the present session. So what
was typed is in pages only: in no address, log or cookie, and not on the server.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from fastapi import Request, Response
from starlette.datastructures import ImmutableMultiDict

from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.rendering import FORM_AGAIN, page
from rescind.dashboard.sessions import Session
from rescind.dashboard.sign_in_redirect import SIGN_IN

Sent = ImmutableMultiDict[str, str]
"""The fields of a form as they were sent."""
Shows = Callable[[Request, Dashboard, Session, Sent], Response]
FORM_KEY = "form_key"
MOST_FIELDS = 1_000
BODY = "form_body"
"""The name in ``request.state`` of the bytes of a form that was read."""
IN_ANOTHER_TAB = f"{SIGN_IN}?tab=yes"
"""Where a user signs in who then goes back to another tab."""

_shown: dict[str, Shows] = {}


def shows_again(path: str) -> Callable[[Shows], Shows]:
    """A decorator: it shows the form that is sent to ``path``, filled in."""

    def register(shows: Shows) -> Shows:
        _shown[path] = shows
        return shows

    return register


def held_form(request: Request) -> Response | None:
    """A page that holds the form until the user has signed in; ``None`` if it is not
    one that can be shown again."""
    form = _form_of(request)
    if form is None:
        return None
    fields = [one for one in form.multi_items() if one[0] != FORM_KEY]
    path = request.url.path
    return page(
        request, "unsent.html", 401, path=path, fields=fields, sign_in=IN_ANOTHER_TAB
    )


def form_again(request: Request) -> Response | None:
    """The form of an earlier session, filled in; ``None`` as ``held_form``."""
    form = _form_of(request)
    if form is None:
        return None
    setattr(request.state, FORM_AGAIN, True)
    shows = _shown[request.url.path]
    response = shows(request, dashboard_of(request), request.state.session, form)
    response.status_code = 403
    return response


def _form_of(request: Request) -> Sent | None:
    """The form, if it came from a page of ours and can be shown again.

    Another site must not fill in a form for the user. A browser that does not say from
    where the form comes gets no form back.
    """
    body: bytes | None = getattr(request.state, BODY, None)
    known = request.method == "POST" and request.url.path in _shown
    if body is None or not known or request.headers.get("hx-request"):
        return None
    return _parsed(body) if _is_from_here(request) else None


def _parsed(body: bytes) -> Sent | None:
    try:
        text = body.decode("ascii")
        given = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    return Sent(given)


def _is_from_here(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host, origin = request.headers.get("host"), request.headers.get("origin", "")
    return bool(host) and origin.partition("://")[2] == host
