"""Sentences for cancellations that wait for others: how they were let go, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rescind.dashboard import restore_story
from rescind.dashboard.formatting import plain
from rescind.dashboard.known_sentences import known
from rescind.dashboard.reason_phrases import because
from rescind.dashboard.translation import _
from rescind.ledger.changes.plan_decisions import RELEASE, SKIP
from rescind.ledger.changes.releases import RELEASED
from rescind.ledger.changes.rounds import REOPENED
from rescind.ledger.conditions import ANY, Predecessor
from rescind.ledger.restored import RESTORED
from rescind.ledger.states import State

Step = Mapping[str, Any]


def let_go(step: Step) -> str:
    """It is not scheduled any more: its time came, or others have ended."""
    if step["evidence"] == RELEASED:
        return _("What it waited for has ended: it waits to be sent.")
    if step["evidence"] == RELEASE:
        return _("Released: it is sent, whatever becomes of what it waited for.")
    return _("Its start time came: it waits to be sent.")


def new_round(step: Step) -> str:
    """It had ended, and is under way again."""
    if step["evidence"] == REOPENED:
        return _("A new round began: what it waited for was retried.")
    if step["evidence"] == RELEASE:
        return _(
            "Released in a new round: it is sent, though what it waited for did not end"
            " in the way that it needs."
        )
    if step["evidence"] == RESTORED:
        return restore_story.read_back()
    return _("A new round began: it is tried again.")


def withdrawn(step: Step) -> str:
    """It ended before it was sent."""
    if step["evidence"] == SKIP:
        return _("Skipped: it is not sent.")
    if step["reason"] == "not_wanted":
        says = _("Not sent: what it waited for did not end in the way that it needs")
        return f"{says}: {known(step['evidence'])}"
    return _("Withdrawn before it was sent.")


def waiting_advice(predecessors: Sequence[Predecessor]) -> str:
    """What to do about one that waits for these."""
    if any(_is_undecided(one) for one in predecessors):
        return _(
            "A person must decide. Find out what became of the one that failed, and"
            " retry it; or release this one, or skip it."
        )
    return _("Nothing to do: it waits for other cancellations, which are listed below.")


def waited_for(
    predecessors: Sequence[Predecessor], shown: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The predecessors, for the page of their successor. ``shown`` has the rows that
    the reader may see, by id."""
    return [
        {
            "id": one.id if one.id in shown else None,
            "order": shown[one.id].order_id if one.id in shown else "",
            "state": one.state,
            "reason": one.reason,
            "wanted": wanted_ends(one.condition),
            "failed": _is_undecided(one),
        }
        for one in predecessors
    ]


def _is_undecided(one: Predecessor) -> bool:
    """Whether it has failed, so that its successor waits for a person."""
    return one.state is State.FAILED and not one.met


def wanted_ends(condition: str) -> str:
    """The ends that a condition names, in words."""
    if condition == ANY:
        return _("any end")
    return "; ".join(map(_end, condition.split()))


def _end(word: str) -> str:
    state, _slash, reason = word.partition("/")
    return f"{plain(state)}: {because(state, reason)}" if reason else plain(state)
