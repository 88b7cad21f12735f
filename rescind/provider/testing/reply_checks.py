"""What must hold for the reading of any reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from rescind.provider.evidence import Exchange
from rescind.provider.finding_rules import CallKind, in_words, misfits
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    Throttled,
    TokenRefused,
    UnreadableReplyError,
)
from rescind.provider.policy import Policy
from rescind.provider.replies import evidence_of, received
from rescind.provider.testing.case import Case


def check_parsed(call: str, parsed: Parsed, asked: Sequence[Order]) -> None:
    """``parsed`` is about the orders of the call alone, with reasons that fit."""
    kind: CallKind = "cancel" if call == "cancel" else "read"
    wrong = [in_words(kind, one) for one in misfits(kind, parsed)]
    assert not wrong, f"the reason does not fit the outcome: {wrong}"
    if isinstance(parsed, Held | TokenRefused):
        assert parsed.why
        parsed.why.encode()
    if isinstance(parsed, Throttled):
        assert parsed.wait > timedelta(0), "the wait must be longer than 0 s"
    if isinstance(parsed, BatchRefused):
        assert parsed.finding.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
        check_words(parsed.finding)
    if isinstance(parsed, Findings):
        assert set(parsed.by_order) <= {order.id for order in asked}
        for finding in parsed.by_order.values():
            check_words(finding)


def check_words(finding: Finding) -> None:
    """Both databases can store the provider's words."""
    for words in filter(None, (finding.code, finding.message)):
        assert len(words) <= 500
        assert "\x00" not in words
        words.encode()


def read(case: Case, call: str, asked: Sequence[Order], reply: Reply) -> Parsed | None:
    """The checked meaning of ``reply``; ``None`` if it is unreadable. Any other error
    of the parser is raised."""
    try:
        parsed: Parsed = case.parser(call)(asked, reply)
    except UnreadableReplyError as error:
        assert str(error)  # noqa: PT017  (either is right; what matters is the form)
        return None
    check_parsed(call, parsed, asked)
    if isinstance(parsed, Findings):
        for order in asked:
            finding = parsed.of(order.id)
            assert case.proof(call, finding, order, asked, reply), finding
    return parsed


def judged(
    request: Request,
    reply: Reply,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...] = (),
) -> Exchange:
    """What Rescind keeps of ``reply`` and says of it, with all that must be masked
    masked. ``secrets`` are those of the account, and its token if there is one."""
    answer = received(request, reply, secrets)
    return evidence_of(answer, parse, policy, ARRIVED)


ARRIVED = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
