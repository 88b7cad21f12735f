"""Tells the history of a cancellation in sentences, one for each thing that happened.

A claim and the result of its call are one sentence, and repeats are one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rescind.dashboard import plan_story, restore_story
from rescind.dashboard.formatting import plain, span
from rescind.dashboard.known_sentences import known
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.restored import RESTORED
from rescind.ledger.states import FINAL

Step = Mapping[str, Any]
"""A step as ``ledger.reading.queries.history`` gives it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that happened."""

    at: str
    text: str
    state: str
    """The state that it led to."""
    until: str | None = None
    """When it happened last, if it repeated itself."""
    by: str | None = None
    """Who asked for it, if a person or a program did."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """The call behind it; empty if there was none."""
    reason: str | None = None


def story(steps: Sequence[Step]) -> list[Sentence]:
    """The sentences of a history, oldest first."""
    found = []
    for place, step in enumerate(steps):
        if _is_claim(step) and place + 1 < len(steps):
            continue  # Its result tells of it.
        found.append(_sentence(step))
    return found


def _is_claim(step: Step) -> bool:
    return (step["from"], step["to"]) == ("queued", "sending")


def _sentence(step: Step) -> Sentence:
    return Sentence(
        at=step["at"],
        text=_text(step),
        state=step["to"],
        until=step["until"] if step["repeats"] else None,
        by=step.get("by"),
        call=_call(step),
        reason=step["reason"] if step["to"] in FINAL else None,
    )


def _call(step: Step) -> Mapping[str, Any]:
    evidence = step["evidence"]
    return evidence if isinstance(evidence, dict) else {}


def _why(step: Step) -> str:
    """What the step says besides its states: the call's detail, or a few words."""
    call = _call(step)
    if call:
        return known(call.get("detail") or "")
    return known(step["evidence"] or "")


def _text(step: Step) -> str:
    told = _TOLD.get((step["from"], step["to"]))
    if told is not None:
        return told(step)
    if step["from"] in FINAL:
        return plan_story.new_round(step)
    return _("It is %(state)s now.", state=plain(step["to"]))


# --- waiting and sending ----------------------------------------------------------


def _not_sent(step: Step) -> str:
    """It was claimed, and put back without a call that counts."""
    proof = _call(step).get("evidence")
    if proof == "maybe_done":
        return _(
            "Sent, but the answer was lost. It is sent again: a second cancel does no"
            " harm at this provider."
        )
    if proof == "answered" and not _why(step):
        return _("The provider shows it as not cancelled. It is sent again.")
    return _with_why(_times(step, throttled=proof == "throttled"), _why(step))


def _times(step: Step, *, throttled: bool) -> str:
    number, lasted = step["repeats"] + 1, _lasted(step)
    if throttled:
        return ngettext(
            "Not taken: the provider asked to wait",
            "Not taken %(num)s times in %(span)s: the provider asked to wait",
            number,
            span=lasted,
        )
    return ngettext(
        "Not sent", "Not sent %(num)s times in %(span)s", number, span=lasted
    )


def _lasted(step: Step) -> str:
    if not step["until"]:
        return ""
    first, last = map(datetime.fromisoformat, (step["at"], step["until"]))
    return span((last - first).total_seconds())


def _with_why(text: str, why: str) -> str:
    return f"{text}: {why}" if why else f"{text}."


def _unclear(step: Step) -> str:
    """It was sent, and the provider is asked what came of it."""
    if step["evidence"] == RESTORED:
        return restore_story.read_back()
    proof = _call(step).get("evidence")
    if proof == "answered":
        return _(
            "Sent. The answer does not say whether the order is cancelled, so the"
            " provider is asked for its status."
        )
    if proof is None and step["evidence"] == "the lease ran out":
        return _(
            "The worker that was sending it stopped. It is not known whether"
            " the call was"
            " made, so the provider is asked for the order's status."
        )
    text = _(
        "Sent, but the answer was lost. It may have taken effect, so the provider is"
        " asked for the order's status"
    )
    return _with_why(text, _why(step))


def _cancelled(step: Step) -> str:
    if not _call(step):
        return _("Not sent: another cancellation of the same order has cancelled it.")
    if step["reason"] == "already_cancelled":
        return _("Sent. The provider answered that the order was cancelled before.")
    if step["reason"] == "partial":
        return _("Sent. The provider answered that a part of the order is cancelled.")
    return _("Sent. The provider answered that the order is cancelled.")


def _given_up(step: Step) -> str:
    if step["reason"] == "never_sent":
        return _with_why(_("Given up: it could never be sent"), _why(step))
    return _with_why(_("Given up: it was tried as often as allowed"), _why(step))


def _submitted(step: Step) -> str:
    if step["to"] == "rejected":
        return _("Submitted, and refused: the submission is not valid.")
    if step["to"] == "expired":
        return _("Submitted after its deadline: it was not sent.")
    if step["to"] == "scheduled":
        return _("Submitted. It is to be sent later.")
    return _("Submitted.")


def _unreadable(step: Step) -> str:
    """Given up while the provider was asked for the order's status."""
    if step["reason"] == "attempts_exhausted":
        return _("Given up: it was tried as often as allowed, and is still active.")
    return _("Given up: the provider did not say what became of the order.")


Told = Callable[[Step], str]
_TOLD: Mapping[tuple[str | None, str], Told] = {
    **{
        (None, state): _submitted
        for state in ("scheduled", "queued", "rejected", "expired")
    },
    (None, "verifying"): lambda _s: restore_story.read_back(),
    ("scheduled", "queued"): plan_story.let_go,
    ("scheduled", "verifying"): restore_story.before_sending,
    ("scheduled", "expired"): lambda _s: _("Its deadline passed before it was sent."),
    ("queued", "sending"): lambda _s: _("A worker is sending it."),
    ("queued", "expired"): lambda _s: _("Its deadline passed before it was sent."),
    ("queued", "verifying"): restore_story.before_sending,
    ("sending", "queued"): _not_sent,
    ("sending", "verifying"): _unclear,
    ("sending", "requested"): lambda _s: _(
        "Sent. The provider accepted the cancel, and has not finished it."
    ),
    ("sending", "cancelled"): _cancelled,
    ("sending", "rejected"): lambda _s: _("Sent. The provider refused."),
    ("sending", "expired"): lambda _s: _("Its deadline passed before it was sent."),
    ("sending", "failed"): _given_up,
    ("verifying", "queued"): lambda _s: _(
        "The provider shows the order as active: the cancel had no effect. It is sent"
        " again."
    ),
    ("verifying", "scheduled"): lambda _s: restore_story.waits_again(),
    ("requested", "scheduled"): lambda _s: restore_story.waits_again(),
    ("scheduled", "failed"): lambda _s: restore_story.never_known(),
    ("verifying", "requested"): lambda _s: _(
        "The provider shows that it is cancelling the order."
    ),
    ("verifying", "cancelled"): lambda _s: _(
        "The provider shows the order as cancelled."
    ),
    ("verifying", "rejected"): lambda _s: _(
        "The provider shows the order as not cancelled, and will not cancel it."
    ),
    ("verifying", "expired"): lambda _s: _(
        "The provider shows the order as active, and its deadline has passed."
    ),
    ("verifying", "failed"): _unreadable,
    ("requested", "queued"): lambda _s: _(
        "The provider accepted the cancel and did not carry it out. It is sent again."
    ),
    ("requested", "cancelled"): lambda _s: _(
        "The provider shows the order as cancelled."
    ),
    ("requested", "rejected"): lambda _s: _(
        "The provider accepted the cancel, and then did not cancel the order."
    ),
    ("requested", "expired"): lambda _s: _(
        "The provider did not carry the cancel out, and its deadline has passed."
    ),
    ("requested", "failed"): _unreadable,
    ("requested", "verifying"): lambda _s: _(
        "A new round began: the provider is asked for the order's status first."
    ),
    ("queued", "withdrawn"): lambda _s: _("Withdrawn before it was sent."),
    ("scheduled", "withdrawn"): plan_story.withdrawn,
}
"""The sentence of each change of state."""
