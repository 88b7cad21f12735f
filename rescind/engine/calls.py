"""Makes one call to a provider for some claimed cancellations, and reads its result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from redis import RedisError

from rescind.config.accounts import Lane, LaneConfig
from rescind.engine.call_batch import Batch, UnbuildableError
from rescind.engine.call_deadlines import (
    Limits,
    TooLateError,
    limits_of,
    longest_call,
    too_late,
)
from rescind.engine.call_results import (
    FINE,
    CallResult,
    Effect,
    effect_of,
    events_of,
    ids_of,
    log_call,
    unknown_words,
    words_of,
)
from rescind.engine.page_reading import PageWalk
from rescind.engine.personal_params import personal_texts, unsealed_order
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.engine.rate_limiter import Permit
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import new_id
from rescind.ledger.decision_events import Event, Halve, Lost, NotSent, PutBack, Wait
from rescind.ledger.progress import Claimed
from rescind.ledger.seal import Seal, SealError
from rescind.provider.account import Account
from rescind.provider.finding_rules import CallKind
from rescind.provider.guarded import parsed
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import WithLogin
from rescind.provider.list_reading import ReadsByList
from rescind.provider.outcomes import Parsed, Throttled, TokenRefused
from rescind.provider.wire import SOCKETS, Wire
from rescind.telemetry.logs import named
from rescind.telemetry.tracing import call_made

log = structlog.get_logger("rescind.calls")
SEALED_WAIT = timedelta(minutes=5)
"""Wait before the next try for an order whose sealed params cannot be opened."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes the calls of one operation of one lane. Threads share it: it has no
    state."""

    lane: Lane
    config: LaneConfig
    operation: str
    seal: Seal
    tokens: Tokens
    wire: Wire = SOCKETS

    def call(
        self,
        claimed: Sequence[Claimed],
        permit: Permit | None = None,
        begin_by: float = math.inf,
    ) -> CallResult:
        """Make the call with its permit, unless it is later than ``begin_by`` by the
        monotonic clock.

        Errors of the provider, of Redis and of the seal key are results; none is
        raised.
        """
        permit = permit or Permit()
        return replace(self._call(claimed, permit, begin_by), permit=permit)

    def _call(
        self, claimed: Sequence[Claimed], permit: Permit, begin_by: float
    ) -> CallResult:
        now = self.wire.now()
        if self.operation == "cancel" and self._forbidden(claimed):
            # They were queued while the policy still allowed repeated cancels.
            events = {c.id: Lost() if c.progress.lost else Wait(now) for c in claimed}
            return CallResult(claimed, events, FINE, now)
        try:
            orders = [unsealed_order(one, self.seal) for one in claimed]
            batch = Batch(new_id(), claimed, orders)
        except SealError as error:
            # Only orders with sealed params are concerned, so the lane is not at fault.
            sealed = Effect(why=str(error))
            return self._not_made(claimed, Wait(now + SEALED_WAIT), sealed)
        try:
            limits = limits_of(claimed, self.operation, now, permit, begin_by)
            self._need_lease(limits, now)
            result = self._exchange(batch, limits)
        except TooLateError:
            now = self.wire.now()
            return CallResult(claimed, too_late(claimed, now), FINE, now)
        except UnbuildableError as error:
            about = {"lane": "/".join(self.lane), "call": batch.call}
            log.exception(
                "cannot be put into a call", **about, **named(ids_of(claimed))
            )
            event = Halve(len(claimed)) if len(claimed) > 1 else Lost()
            return self._not_made(claimed, event, Effect(why=str(error)))
        except RedisError as error:
            why = f"Redis cannot be reached to log in: {type(error).__name__}"
            return self._not_made(claimed, NotSent(), Effect(failed=why))
        if isinstance(result, NoToken):
            return self._without_token(claimed, result)
        return self._result_of(batch, result)

    def return_unsent(self, claimed: Sequence[Claimed], permit: Permit) -> CallResult:
        """The result of a call that is not made: its orders are returned, unsent.

        The lane or the worker stopped after the claim and before the call.
        """
        effect = Effect(why="put back before its turn came")
        return replace(self._not_made(claimed, PutBack(), effect), permit=permit)

    def _forbidden(self, claimed: Sequence[Claimed]) -> bool:
        lost = any(one.progress.lost for one in claimed)
        return lost and not self.config.policy.repeatable

    def _exchange(self, batch: Batch, limits: Limits) -> Exchange | NoToken:
        provider, account = self.config.provider, self.config.account
        if account is None:
            raise LookupError(f"{self.lane} has no usable account")
        if not isinstance(provider, WithLogin):
            return self._send(batch, account, None, limits)
        token = self._token(account)
        if isinstance(token, NoToken):
            return token
        result = self._send(batch, account, token, limits)
        if not isinstance(result.parsed, TokenRefused):
            return result
        token = self._token(account, refused=token)
        if isinstance(token, NoToken):
            return token
        if not limits.permit.again():
            full = "a new token is there, and no room in the lane's rate to use it now"
            return Exchange(Evidence.NOT_SENT, detail=full)
        return self._send(batch, account, token, limits)

    def _need_lease(self, limits: Limits, now: datetime) -> None:
        if not self._has_lease(limits, now):
            raise TooLateError

    def _has_lease(self, limits: Limits, now: datetime) -> bool:
        """Whether the call can end within its lease, by either clock."""
        in_time = now + longest_call(self.config.policy) <= limits.lease_ends
        return in_time and self.wire.monotonic() <= limits.begin_by

    def _token(self, account: Account, refused: str | None = None) -> str | NoToken:
        provider: WithLogin[Any] = self.config.provider  # type: ignore[assignment]
        return self.tokens.get(
            self.lane, provider, account, self.config.policy, refused
        )

    def _send(
        self, batch: Batch, account: Account, token: str | None, limits: Limits
    ) -> Exchange:
        orders = batch.orders
        limits.permit.wait()
        # The time is read here and not earlier: a login may have taken long.
        provider, now = self.config.provider, self.wire.now()
        policy = self.config.policy
        limits.send_by(policy, now)
        if not self._has_lease(limits, now):
            late = "the login before it took too long for its lease"
            return Exchange(Evidence.NOT_SENT, detail=late)
        kind: CallKind = "cancel" if self.operation == "cancel" else "read"
        build = provider.build_cancel if kind == "cancel" else provider.build_read
        own = (*account.secrets(), *([token] if token else []))
        secrets = (*own, *personal_texts(orders))

        def ask(request: Request, read: Callable[[Reply], Parsed]) -> Exchange:
            send_by = limits.send_by(policy, self.wire.now())
            with limits.permit.in_use():
                result = exchange(request, read, policy, secrets, send_by, self.wire)
            called = (batch.call, batch.claimed, request, result)
            call_made(self.lane, self.operation, *called)
            return result

        try:
            request = build(account, token, orders)
        except Exception as error:
            # An older version may have accepted the order. It must not delay the other
            # orders of its batch, nor the lane: in a call of its own, it runs out of
            # attempts.
            why = f"a bug of ours: {type(error).__name__} while building the call"
            raise UnbuildableError(why) from error
        if isinstance(provider, ReadsByList) and kind == "read":
            known = (provider, account, token, orders, ask)
            return PageWalk(*known, partial(self._may_go_on, limits)).read(request)
        return ask(request, partial(parsed, provider, kind, orders))

    def _may_go_on(self, limits: Limits) -> bool:
        """Whether a further page can be read in this lease and in the lane's rate."""
        now, policy = self.wire.now, self.config.policy
        return self._has_lease(limits, now()) and limits.room_for_more(policy, now)

    def _without_token(self, claimed: Sequence[Claimed], no: NoToken) -> CallResult:
        if no.held is not None:
            return self._not_made(claimed, Wait(), Effect(held=no.held))
        parsed = no.exchange.parsed
        if isinstance(parsed, Throttled):
            until = self.wire.now() + parsed.wait
            effect = Effect(throttled=parsed.wait, why=f"login: {parsed.why}")
            return self._not_made(claimed, Wait(until), effect)
        why = f"login: {no.exchange.detail or no.exchange.evidence}"
        return self._not_made(claimed, NotSent(), Effect(failed=why))

    def _result_of(self, batch: Batch, result: Exchange) -> CallResult:
        claimed = batch.claimed
        # If the clock was set back during the call, its reading now is too early.
        now = self.wire.now()
        now = max(now, result.ended_at or now)
        call = CallMade(
            id=batch.call,
            operation=self.operation,
            evidence=result.evidence,
            took=result.took,
            at=now - result.took,
            cancellations=ids_of(claimed),
            status=result.status,
            detail=result.detail or words_of(result),
            body=result.body,
            words=unknown_words(claimed, result, self.operation),
        )
        log_call(self.lane, call, claimed[0].trace)
        events = events_of(claimed, result, now)
        return CallResult(claimed, events, effect_of(result), now, call)

    def _not_made(
        self, claimed: Sequence[Claimed], event: Event, effect: Effect
    ) -> CallResult:
        events: dict[str, Event] = {one.id: event for one in claimed}
        return CallResult(claimed, events, effect, self.wire.now())
