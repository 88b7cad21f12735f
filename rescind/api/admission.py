"""Chooses the budget of a request, and bounds the bodies of strangers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param
from starlette.responses import Response
from starlette.types import Message, Receive

from rescind.api.budgets import Budget, Budgets
from rescind.api.client_address import client_address
from rescind.api.problem_details import ProblemError
from rescind.dashboard.event_stream import is_stream
from rescind.dashboard.page_context import dashboard_of
from rescind.dashboard.session_cookies import shown_session
from rescind.provider.events import LARGEST_EVENT

STRANGER_SECONDS = 3.0
"""The body of a request without a valid token or session must arrive within them."""
STRANGER_BYTES = 8 * 1024
"""The largest such body: a form with a token and an address of ours."""
EVENTS_OF_PROVIDERS = "/v1/providers/"
"""Addresses with a budget of their own, and with the signature of a provider."""
CLOSE = {"Connection": "close"}
"""The rest of the request is not read."""


@dataclass(frozen=True, slots=True)
class Place:
    """The budget of a request, and the caller who is charged for it."""

    budget: Budget
    caller: str
    largest: int | None = None
    """Bytes in the body of a stranger, which must also arrive in time. ``None`` if the
    caller is known."""
    is_stream: bool = False

    @property
    def is_stranger(self) -> bool:
        return self.largest is not None

    def refusal(self) -> Response:
        """The answer to a request that gets no place."""
        if self.is_stream:
            # 204 tells a browser's EventSource to stop asking.
            return Response(status_code=204)
        return _too_many(self.is_stranger).response()

    def bounded(self, receive: Receive) -> Receive:
        """``receive``, which bounds the body of a stranger in time and size."""
        return receive if self.largest is None else _bounded(receive, self.largest)


def place_of(request: Request, budgets: Budgets) -> Place:
    """Where the request counts: for its token's name, or for its client's address."""
    if request.url.path.startswith(EVENTS_OF_PROVIDERS):
        address = client_address(request.scope)
        return Place(budgets.events, address, largest=LARGEST_EVENT)
    kind, secret = get_authorization_scheme_param(request.headers.get("authorization"))
    shown = secret if kind.lower() == "bearer" else ""
    token = request.app.state.context.access.token(shown) if shown else None
    if token is not None:
        return Place(budgets.api, token.name)
    session = shown_session(request, dashboard_of(request))
    if session is None:
        address = client_address(request.scope)
        return Place(budgets.strangers, address, largest=STRANGER_BYTES)
    if is_stream(request.url.path):
        return Place(budgets.streams, session.actor, is_stream=True)
    return Place(budgets.pages, session.actor)


def _bounded(receive: Receive, largest: int) -> Receive:
    deadline = asyncio.get_running_loop().time() + STRANGER_SECONDS
    left = largest
    ended = False

    async def bounded() -> Message:
        nonlocal left, ended
        if ended:
            # What comes now is only that the client has disconnected.
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(largest)
        ended = not message.get("more_body", False)
        return message

    return bounded


def _too_many(is_stranger: bool) -> ProblemError:
    return ProblemError(
        503,
        "not-ready",
        "Too many requests are under way already: send yours again in a second.",
        {"Retry-After": "1", **(CLOSE if is_stranger else {})},
    )


def _too_slow() -> ProblemError:
    says = f"Without a token, a body must arrive within {STRANGER_SECONDS:g} s."
    return ProblemError(408, "invalid-request", says, CLOSE)


def _too_large(largest: int) -> ProblemError:
    says = f"Without a token, a body has {largest:,} bytes at most."
    return ProblemError(413, "body-too-large", says, CLOSE)
