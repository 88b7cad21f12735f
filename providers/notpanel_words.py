"""notpanel's words, which are usual for such panels, and what each of them says.

Certainty: [D] documented, [C] seen in clients of such panels, [A] assumed. Read again
on 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rescind.provider.outcomes import UNKNOWN, Finding, Outcome, Reason
from rescind.provider.text import fold

COMPLETED = Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
NOT_FOUND = Finding(Outcome.REFUSED, Reason.NOT_FOUND)
NOT_SUPPORTED = Finding(Outcome.REFUSED, Reason.NOT_SUPPORTED)
CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
ACTIVE = Finding(Outcome.ACTIVE)
REQUESTED = Finding(Outcome.REQUESTED)
ENDED = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)

# --- the words of an error ----------------------------------------------------------

CANCEL = r"cancel(?:l?ation|l?ing|s)?(?: (?:button|option|request|feature|function))?s?"
"""The noun: a cancel, as a feature or a request. Not the state "cancelled"."""
NO_CANCEL = (
    r"(?:(?:is|are|was)? ?(?:not|n['’]t)(?: currently)? (?:available|allowed|enabled"
    r"|permitted|possible|offered|supported|active|provided)"
    r"|(?:is |are |was |has been )?(?:unavailable|disabled|disallowed|forbidden"
    r"|deactivated|inactive|switched off|turned off))"
)
SUPPORTS = (
    r"(?:\bnot|n['’]t) (?:support|allow|permit|offer|have|accept|include|provide)"
)
FOUND_NO_ORDER = (
    r"\borders?\b(?!['’])(?:(?!\b(?:service|user|provider|link|refill|cancel|page"
    r"|action|method)\b).)*?(?:\bnot(?: be| been)? found|\bnot exists?|n.t exist)\b"
)

ERRORS: Mapping[str, Finding] = {
    # It names no cause, and another party may have caused the state: the order's
    # status decides.
    r"\balready (?:been )?cancell?ed\b|\( ?cancell?ed ?\)": Finding(
        Outcome.REFUSED, Reason.ALREADY_CANCELLED
    ),
    r"\balready (?:been )?(?:refunded|partial\w*|failed)\b": Finding(Outcome.REFUSED),
    # The error names two states.
    r"(?:\bor|[/,]) ?(?:cancell?ed|refunded)\b|\b(?:cancell?ed|refunded) or\b": UNKNOWN,
    r"\balready (?:been )?completed?\b|\( ?completed ?\)": COMPLETED,
    rf"{FOUND_NO_ORDER}|\bno (?:such )?orders? (?:was |were )?found\b"
    r"|\b(?:incorrect|invalid|wrong|no such|unknown) order(?: ids?)?(?= *[.:(]|$)": (
        NOT_FOUND
    ),
    # 2026-11-29 [C]: this service, or this order, cannot be cancelled; many wordings.
    rf"\bnot support|\bunsupported\b|\b{CANCEL}[:,]? {NO_CANCEL}\b"
    rf"|\b(?:no|without)(?: \w+ or)? {CANCEL} (?:for|on)\b|\bhas no {CANCEL}\b"
    rf"|{SUPPORTS}\b.*\bcancel|\bnot eligible for {CANCEL}\b"
    rf"|^(?!.*\brefill).*\b{NO_CANCEL} for this (?:service|order)\b"
    r"|^(?=.*\bservice\b).*\bcan(?:not| not|['’]?t) (?:be )?cancel"
    r"|\b(?:not |non ?-?|un)cancell?able\b": NOT_SUPPORTED,
    # 2026-11-29 [C]: a cancel is in progress, perhaps from an earlier call of ours.
    r"\bcancel.*\balready (?:been )?(?:requested|queued|submitted|placed|sent)\b"
    r"|\b(?:cancell?ation|cancel (?:request|task)|cancel(?= (?:is|was|has|already)\b))"
    r"(?: (?:request|task|is|was|has|been|already|currently|still|for|of|this|order))*"
    r" (?:in progress|pending|requested|queued|submitted|processing|being processed"
    r"|in process|under ?way|initiated|in queue|accepted|received)\b"
    r"|\balready (?:requested|submitted|queued|placed|sent)(?: \w+){0,3} cancel"
    r"|\bcancell?(?:ation)?(?: \w+){0,5} already (?:been )?(?:exists?|created|made)\b"
    r"|\balready an? (?:pending |open |active )?cancel|^cancel in progress\W*$"
    r"|\bin (?:the )?cancel(?:l?ation)? (?:queue|process)\b"
    r"|\b(?:already|is|being) (?:being )?cancell?ing\b|\bbeing cancell?ed\b": REQUESTED,
}
"""What ``error`` says of an order. Two statements, or none,
are unknown."""

BREAKDOWN = re.compile(
    r"try again|went wrong|server error|internal|time(?:d )?out|temporar"
    r"|^(?!.*\bcancel).*\bunavailable\b"
    r"|too many requests|maintenance|\bbusy\b|\bretry\b"
)
"""Errors after which the provider may have acted all the same."""
UNSURE = re.compile(
    r"\b(?:currently|right now|at (?:the|this) moment|for now|yet|later|until|till"
    r"|before|after|once|unless|if|when|only|except|maybe|may|might)\b"
    # "Not available for completed orders" states a rule; the order's status decides.
    r"|\b(?:for|in|on|while|during)\b.*\b(?:completed|in progress|processing|pending"
    r"|partial|processed|started|status|state)\b"
)
"""With these words "no cancel" or "in progress" holds only for a time, or for other
orders."""
DENIED = re.compile(
    r"\b(?:no|not|without|never)\b(?: (?:a|any|yet|being|already))*"
    r" (?:cancell?ation|cancel (?:request|task)|cancell?ed|cancell?ing)\b"
)


def of_error(words: str | None) -> Finding:
    """What an error says of one order."""
    text = fold(words)
    if BREAKDOWN.search(text):
        return UNKNOWN
    said = {finding for form, finding in ERRORS.items() if re.search(form, text)}
    if len(said) != 1:
        return UNKNOWN
    finding = said.pop()
    unsure = finding == NOT_SUPPORTED and UNSURE.search(text)
    denied = finding == REQUESTED and DENIED.search(text)
    return UNKNOWN if unsure or denied else finding


# --- the words of a status ----------------------------------------------------------

STATUSES: Mapping[str, Finding] = {
    "pending": ACTIVE,
    "processing": ACTIVE,
    "in progress": ACTIVE,
    "inprogress": ACTIVE,
    "completed": COMPLETED,
    "complete": COMPLETED,
    "cancelled": CANCELLED,
    "canceled": CANCELLED,
    "refunded": CANCELLED,
    "partial": Finding(Outcome.CANCELLED, Reason.PARTIAL),
    # 2026-11-20 [A]: the order ended by itself. It was neither cancelled nor refused a
    # cancel; nothing is left to cancel.
    "failed": ENDED,
    # 2026-11-29 [C]: the same, in two other usual words.
    "fail": ENDED,
    "error": ENDED,
}
"""``status`` of an order. Only ``in_progress`` is documented; the rest is [A]."""
OF_A_CALL = frozenset({"fail", "error", "failed"})
"""Statuses that a failed call has too."""
OF_AN_ORDER = frozenset({"charge", "start_count", "remains", "currency"})
"""Members beside the status of an order, which a failed call does not have [D]."""
