"""Decides what one reply proves: by its status, its coding and its content."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from rescind.provider.auth import with_sent
from rescind.provider.content_coding import CodedError, uncoded
from rescind.provider.error_pages import for_an_operator, is_page, page_held
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import mask, masked_body, masked_words
from rescind.provider.outcomes import (
    Findings,
    Held,
    Outcome,
    Parsed,
    Throttled,
    UnreadableReplyError,
)
from rescind.provider.policy import Policy
from rescind.provider.redirects import REDIRECTS, only_upgrades
from rescind.provider.reply_outline import outline
from rescind.provider.throttling import bounded, throttle_wait

log = logging.getLogger("rescind.providers")

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes of a reply that are read; 100 orders take about 20 kB."""


@dataclass(frozen=True, slots=True)
class Received:
    """One reply and its request."""

    request: Request
    reply: Reply
    """With its body decoded."""
    coded: str | None
    """Why the body could not be decoded; the body is then empty."""
    secrets: tuple[str, ...]

    def kept(self) -> str:
        """The body as it may be stored."""
        return masked_body(self.request, self.reply, self.secrets)

    def maybe_done(
        self, detail: str, parsed: Held | None = None, *, unreadable: bool = False
    ) -> Exchange:
        return Exchange(
            Evidence.MAYBE_DONE,
            parsed and Held(mask(parsed.why, self.secrets), parsed.by_gateway),
            self.reply.status,
            detail=mask(detail, self.secrets),
            body=self.kept(),
            unreadable=unreadable,
        )


def received(request: Request, reply: Reply, secrets: tuple[str, ...]) -> Received:
    """``reply`` with its body decoded. ``secrets`` are those that no one may see; those
    that ``request`` carries are added."""
    secrets = with_sent(request, secrets)
    try:
        return Received(request, uncoded(reply, LARGEST_BODY), None, secrets)
    except CodedError as error:
        return Received(request, replace(reply, body=b""), str(error), secrets)


def evidence_of(
    answer: Received,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    now: datetime,
) -> Exchange:
    """What ``answer`` proves; it arrived at ``now``. Never raises for its content."""
    reply = answer.reply
    if reply.status == 429:
        wait = throttle_wait(reply.headers, now, policy.throttle_wait)
        parsed = Throttled(wait, f"HTTP 429, wait {wait.total_seconds():.0f} s")
        return Exchange(Evidence.THROTTLED, parsed, 429, body=answer.kept())
    if reply.status in REDIRECTS:
        return _redirected(answer)
    if not (reply.ok or 400 <= reply.status < 500) or reply.status == 408:
        return answer.maybe_done(f"HTTP {reply.status}", for_an_operator(reply))
    try:
        parsed_reply = masked_words(parse(reply), answer.secrets)
        if isinstance(parsed_reply, Throttled):
            return _throttled(answer, parsed_reply)
    except UnreadableReplyError as error:
        return _unreadable(answer, str(error))
    except Exception as error:  # noqa: BLE001  (a parser's bug must not lose others)
        _log_bug(error)
        why = f"a bug of ours: {type(error).__name__} while reading it"
        return answer.maybe_done(why, unreadable=True)
    body = _kept_success(answer, parsed_reply) if reply.ok else answer.kept()
    return Exchange(Evidence.ANSWERED, parsed_reply, reply.status, body=body)


def _throttled(answer: Received, said: Throttled) -> Exchange:
    """The provider's class knows a limit that is not said by a 429."""
    wait = bounded(said.wait)
    why = said.why or f"HTTP {answer.reply.status}, wait {wait.total_seconds():.0f} s"
    parsed = Throttled(wait, why)
    return Exchange(Evidence.THROTTLED, parsed, answer.reply.status, body=answer.kept())


def _log_bug(error: Exception) -> None:
    """Say where it is. The message and the traceback may quote personal data."""
    *_, last = traceback.extract_tb(error.__traceback__)
    where, kind = f"{last.filename}:{last.lineno}", type(error).__name__
    log.error("a bug of ours: %s in %s while reading a reply", kind, where)


def _kept_success(answer: Received, parsed: Parsed) -> str | None:
    """The outline of a success that leaves open what became of an order by the
    provider's words: a person will look at it."""
    if not isinstance(parsed, Findings):
        return None
    found = parsed.by_order.values()
    unclear = any(one.outcome is Outcome.UNKNOWN and not one.own for one in found)
    if found and not unclear:
        return None
    if answer.request.keeps is not None:
        # The provider knows better which members tell of an order.
        return answer.kept() or None
    return replace(answer, reply=outline(answer.reply)).kept() or None


def _redirected(answer: Received) -> Exchange:
    # Following it would send the credentials to the address that it names.
    reply = answer.reply
    why = (
        f"the provider answers with a redirect (HTTP {reply.status}), which is never"
        " followed: set base_url to the address that it moved to"
    )
    held = Held(why, by_gateway=True)
    if only_upgrades(answer.request.url, reply):
        return Exchange(Evidence.ANSWERED, held, reply.status, body=answer.kept())
    # Post/redirect/get: the answer to a form that was acted on is a redirect too.
    return answer.maybe_done(why, held)


def _unreadable(answer: Received, why: str) -> Exchange:
    if answer.coded is not None:
        return answer.maybe_done(answer.coded, Held(answer.coded, by_gateway=True))
    if is_page(answer.reply):
        why = f"{why}: {page_held(answer.reply).why}"
    held = for_an_operator(answer.reply)
    return answer.maybe_done(why, held, unreadable=True)
