"""Holding and resuming lanes: which of the selected, in which words, and how."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from rescind.config.accounts import Lane
from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.bulk.lane_questions import (
    hold_question,
    resume_question,
    why_not_held,
    why_not_resumed,
)
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.translation import N_, _, ngettext
from rescind.operations.actions import EVERY_OPERATION
from rescind.operations.lane_holds import hold, resume
from rescind.operations.lane_view import LaneView


@dataclass(frozen=True, slots=True)
class LaneAction:
    """One action on lanes, at ``/desk/lanes/NAME``."""

    name: str
    done: str
    """The notice of the overview: ``?done=``."""
    why_not: Callable[[LaneView, datetime], str | None]
    question: Callable[[Sequence[LaneView]], Question]
    change: Callable[[Dashboard, Lane, str, str | None], None]
    """Change one lane, as the user of that name asked, for the reason given; raises
    ``UnknownError``."""
    nothing: Callable[[], str]
    said: Callable[[int], str]
    """What was done, for a number of lanes."""
    takes_reason: bool = False
    """Whether the user may write why; others ignore the reason."""


def _hold(dashboard: Dashboard, lane: Lane, by: str, note: str | None) -> None:
    known = (dashboard.engine, dashboard.accounts)
    hold(*known, lane, dashboard.now(), note, by=by)


def _resume(dashboard: Dashboard, lane: Lane, by: str, _note: str | None) -> None:
    known = (dashboard.engine, dashboard.accounts)
    fault = resume(*known, lane, dashboard.now(), by=by)
    if fault is None:
        dashboard.notify({operation: {lane} for operation in EVERY_OPERATION})


HOLD = LaneAction(
    name="hold",
    done="held",
    why_not=why_not_held,
    question=hold_question,
    change=_hold,
    nothing=lambda: _("Nothing to hold"),
    said=lambda count: ngettext(
        "%(num)s lane is held", "%(num)s lanes are held", count
    ),
    takes_reason=True,
)
RESUME = LaneAction(
    name="resume",
    done="resumed",
    why_not=why_not_resumed,
    question=resume_question,
    change=_resume,
    nothing=lambda: _("Nothing to resume"),
    said=lambda count: ngettext(
        "%(num)s lane is resumed", "%(num)s lanes are resumed", count
    ),
)
LANE_ACTIONS = (HOLD, RESUME)
DONE = {
    "held": N_("%(lane)s is held: nothing is sent on it until somebody resumes it."),
    "resumed": N_("%(lane)s is resumed: it is tried again now."),
}


def lane_notice(done: str, lane: str, known: Container[str]) -> str | None:
    """What was done, as ``LaneAction.done`` says it, to one of the ``known`` lanes.

    For other lanes there is none: a crafted link must not put words on a page.
    """
    return _(DONE[done], lane=lane) if done in DONE and lane in known else None
