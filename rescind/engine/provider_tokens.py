"""Access tokens: one for each account. All workers share it through Redis, sealed.

A token is refreshed before it expires, renewed once after a 401, and never fetched by
two workers at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis.exceptions import LockError

from rescind.config.accounts import Lane
from rescind.ledger.seal import Seal, SealError
from rescind.provider.account import Account
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Token, WithLogin
from rescind.provider.outcomes import Findings, Held, Parsed
from rescind.provider.policy import Policy

PAUSE = 0.05
"""Seconds between two checks whether another worker has logged in meanwhile."""


@dataclass(frozen=True, slots=True)
class NoToken:
    """There is no token now. ``held`` says why if an operator must act."""

    exchange: Exchange
    held: str | None = None


class Tokens:
    """The tokens of accounts that need a login."""

    def __init__(self, redis: Redis, seal: Seal) -> None:
        self.redis = redis
        self._seal = seal

    def get(
        self,
        lane: Lane,
        provider: WithLogin[Any],
        account: Account,
        policy: Policy,
        refused: str | None = None,
    ) -> str | NoToken:
        """A valid token, after a login if necessary. Never the token ``refused``.

        Raises ``RedisError``.
        """
        static = provider.static_token(account)
        if static is not None:
            if refused is None:
                return static
            return _held(f"{provider.name} refuses the token in the accounts file")
        # The longest time of one login, and some seconds more.
        patience = policy.connect_timeout + 2 * policy.read_timeout + 5
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            known = self._stored(lane, refused)
            if known is not None:
                return known
            with self._locked(lane, patience) as mine:
                if mine:
                    # Another worker may have logged in since the last check.
                    known = self._stored(lane, refused)
                    found = known or self._renew(lane, provider, account, policy)
                    if found is not None:
                        return found
                    # A refused refresh token is forgotten: the next turn logs in.
                    continue
            time.sleep(PAUSE)
        detail = "another worker's login did not end in time"
        return NoToken(Exchange(Evidence.NOT_SENT, detail=detail))

    @contextlib.contextmanager
    def _locked(self, lane: Lane, seconds: float) -> Iterator[bool]:
        """Whether this worker has the lock, and so may log in."""
        lock = self.redis.lock(_lock(lane), timeout=seconds)
        mine = lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            # If the login took too long, another worker has the lock by now.
            with contextlib.suppress(LockError):
                if mine:
                    lock.release()

    def _stored(self, lane: Lane, refused: str | None) -> str | None:
        token = self._opened(_name(lane))
        return None if token == refused else token

    def _opened(self, name: str) -> str | None:
        sealed = self.redis.get(name)
        if not isinstance(sealed, bytes):
            return None
        try:
            return str(self._seal.open(sealed.decode()))
        except SealError:
            # It was sealed with another key: log in again.
            return None

    def _renew(
        self, lane: Lane, provider: WithLogin[Any], account: Account, policy: Policy
    ) -> str | NoToken | None:
        """A token from a refresh or a login; ``None`` if the refresh was refused."""
        refresh = self._opened(_refresh_name(lane))
        request = provider.build_refresh(account, refresh) if refresh else None
        if request is None or refresh is None:
            login = provider.build_login(account)
            return self._ask(lane, provider, login, policy, account.secrets())
        secrets = (*account.secrets(), refresh)
        found = self._ask(lane, provider, request, policy, secrets)
        if isinstance(found, str) or not _is_refusal(found.exchange):
            return found
        self.redis.delete(_refresh_name(lane))
        return None

    def _ask(
        self,
        lane: Lane,
        provider: WithLogin[Any],
        request: Request,
        policy: Policy,
        secrets: tuple[str, ...],
    ) -> str | NoToken:
        """The token that ``request`` brings, which is stored."""
        found: list[Token] = []

        def parse(reply: Reply) -> Parsed:
            read = provider.parse_login(reply, datetime.now(UTC))
            if isinstance(read, Held):
                return read
            found.append(read)
            return Findings({})

        result = exchange(request, parse, policy, secrets)
        if isinstance(result.parsed, Held):
            return NoToken(result, held=result.parsed.why)
        if not found:
            return NoToken(result)
        self._store(lane, provider, found[0])
        return found[0].value

    def _store(self, lane: Lane, provider: WithLogin[Any], token: Token) -> None:
        lifetime = provider.token_lifetime
        if token.expires_at is not None:
            lifetime = token.expires_at - datetime.now(UTC)
        keep = max(lifetime - provider.refresh_early, timedelta(seconds=30))
        self.redis.set(_name(lane), self._seal.close(token.value), ex=keep)
        if token.refresh is not None:
            sealed = self._seal.close(token.refresh)
            self.redis.set(_refresh_name(lane), sealed, ex=provider.refresh_lifetime)


def _held(why: str) -> NoToken:
    return NoToken(Exchange(Evidence.ANSWERED, Held(why)), held=why)


def _name(lane: Lane) -> str:
    return f"rescind-token:{lane[0]}:{lane[1]}"


def _refresh_name(lane: Lane) -> str:
    return f"rescind-token:{lane[0]}:{lane[1]}:refresh"


def _is_refusal(answer: Exchange) -> bool:
    """Whether the provider answered, and will answer the same again."""
    return answer.status is not None and answer.status < 500 and answer.status != 429


def _lock(lane: Lane) -> str:
    return f"rescind-login:{lane[0]}:{lane[1]}"
