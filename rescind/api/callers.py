"""Authenticates callers by bearer token, and enforces scopes and rates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from rescind.api.client_address import client_address
from rescind.api.problem_details import ProblemError
from rescind.api.query_parameters import only_known
from rescind.api.rate_windows import in_words, seconds_to_wait
from rescind.api.request_context import RATE
from rescind.api.wrong_tokens import WrongTokens
from rescind.config.access_tokens import Access, Scope, Token
from rescind.provider.refusal_codes import RefusalCode

Headers = dict[str, str]
REALM = 'Bearer realm="rescind"'
_bearer = HTTPBearer(auto_error=False, scheme_name="token")


class Callers:
    """The known tokens, and the rate of each."""

    def __init__(self, access: Access, rate: RateLimitItem) -> None:
        self._access, self._rate = access, rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._wrong_tokens = WrongTokens()

    def admit(
        self,
        shown: str | None,
        address: str,
        *scopes: Scope,
        told: Headers | None = None,
    ) -> Token:
        """The token that was sent, counted; raises ``ProblemError`` if it may not pass.
        It must have one of ``scopes``.

        The statuses are 401 (unknown), 403 (scope missing) and 429 (rate used up, or
        too many unknown tokens from ``address``). ``told`` gets the headers about the
        token's rate.
        """
        token = self._access.token(shown) if shown else None
        if token is None:
            if shown:
                self._wrong_tokens.count(address)
            raise _unauthorized(shown)
        try:
            self._count(token)
        finally:
            if told is not None:
                told.update(self._standing(token))
        if token.scopes.isdisjoint(scopes):
            raise _forbidden(token, scopes)
        return token

    def _standing(self, token: Token) -> dict[str, str]:
        """The headers of draft-ietf-httpapi-ratelimit-headers-11."""
        window = self._rate.get_expiry()
        found = self._limiter.get_window_stats(self._rate, token.name)
        left = min(max(0, math.ceil(found.reset_time - time.time())), window)
        return {
            "RateLimit-Policy": f'"token";q={self._rate.amount};w={window}',
            "RateLimit": f'"token";r={max(0, found.remaining)};t={left}',
        }

    def _count(self, token: Token) -> None:
        if self._limiter.hit(self._rate, token.name):
            return
        wait = seconds_to_wait(self._limiter, self._rate, token.name)
        raise ProblemError(
            429,
            "too-many-requests",
            f"The token {token.name} may send {in_words(self._rate, 'requests')}: wait"
            f" {wait} s. One request may hold up to 1,000 cancellations.",
            {"Retry-After": str(wait)},
        )


def _unauthorized(shown: str | None) -> ProblemError:
    if shown:
        says, why = "No caller has the token that was sent.", ', error="invalid_token"'
    else:
        says, why = "Send a token: Authorization: Bearer TOKEN.", ""
    return ProblemError(401, "unauthorized", says, {"WWW-Authenticate": REALM + why})


def _forbidden(token: Token, scopes: Sequence[Scope]) -> ProblemError:
    # A header that names several scopes says that all of them are needed.
    one = f'{REALM}, error="insufficient_scope", scope="{scopes[0]}"'
    return ProblemError(
        403,
        "forbidden",
        f"The token {token.name} lacks the scope {' or '.join(scopes)}; it has"
        f" {', '.join(sorted(token.scopes))}.",
        {"WWW-Authenticate": one},
    )


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def needs(*scopes: Scope, within_limits: bool = False) -> Callable[..., Token]:
    """A FastAPI dependency: the caller's token, which must have one of ``scopes``.

    A token with limits is refused, unless the route says by ``within_limits`` that it
    shows and changes only what the token's limits allow.
    """

    # Async, so it needs no thread: it waits for nothing, and runs for each request.
    async def caller(request: Request, shown: Credentials) -> Token:
        callers: Callers = request.app.state.callers
        told: Headers = {}
        setattr(request.state, RATE, told)
        sent = shown.credentials if shown else None
        address = client_address(request.scope)
        token = callers.admit(sent, address, *scopes, told=told)
        if not (within_limits or token.limits.unlimited):
            raise _too_limited(token)
        await only_known(request)
        return token

    return caller  # type: ignore[return-value]


def _too_limited(token: Token) -> ProblemError:
    says = (
        f"The token {token.name} is limited to {token.limits}; this needs a token"
        " without limits."
    )
    return ProblemError(403, "forbidden", says, code=RefusalCode.OUTSIDE_LIMITS)


Submitter = Annotated[Token, Depends(needs(Scope.SUBMIT))]
Reader = Annotated[Token, Depends(needs(Scope.READ))]
Operator = Annotated[Token, Depends(needs(Scope.OPERATE))]
LimitedSubmitter = Annotated[Token, Depends(needs(Scope.SUBMIT, within_limits=True))]
LimitedReader = Annotated[Token, Depends(needs(Scope.READ, within_limits=True))]
LimitedOperator = Annotated[Token, Depends(needs(Scope.OPERATE, within_limits=True))]
LimitedWithdrawer = Annotated[
    Token, Depends(needs(Scope.SUBMIT, Scope.OPERATE, within_limits=True))
]
