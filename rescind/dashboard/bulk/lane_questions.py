"""What is asked about lanes, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.known_sentences import known
from rescind.dashboard.translation import _, ngettext
from rescind.operations.lane_view import LaneView


def hold_question(lanes: Sequence[LaneView]) -> Question:
    count = len(lanes)
    return Question(
        title=_("Hold %(lane)s?", lane=lanes[0].name)
        if count == 1
        else ngettext("Hold %(num)s lane?", "Hold %(num)s lanes?", count),
        facts=[
            ngettext(
                "Until somebody resumes this lane, Rescind neither cancels nor asks for"
                " a status on it.",
                "Until somebody resumes these %(num)s lanes, Rescind neither cancels"
                " nor asks for a status on them.",
                count,
            ),
            _(
                "Calls that are under way end first. Deadlines keep running: a"
                " cancellation whose deadline passes meanwhile expires, and a hold"
                " cannot undo that."
            ),
            _("Other lanes are not affected."),
        ],
        button=ngettext("Hold it", "Hold %(num)s lanes", count),
        refuse=_("Do not hold"),
    )


def resume_question(lanes: Sequence[LaneView]) -> Question:
    count = len(lanes)
    return Question(
        title=_("Resume %(lane)s?", lane=lanes[0].name)
        if count == 1
        else ngettext("Resume %(num)s lane?", "Resume %(num)s lanes?", count),
        facts=[
            ngettext(
                "Its hold, pause and count of failures are cleared.",
                "Their holds, pauses and counts of failures are cleared.",
                count,
            ),
            _(
                "What is due is sent at once, within the rates. What is scheduled is"
                " sent at its time. If the cause of a hold or a pause persists, Rescind"
                " holds or pauses the lane again."
            ),
            _("A cancellation that a provider makes then cannot be undone."),
        ],
        button=ngettext("Resume it", "Resume %(num)s lanes", count),
        refuse=_("Do not resume"),
    )


def why_not_held(lane: LaneView, now: datetime) -> str | None:
    """Why a hold would change nothing; ``None`` if it can be held."""
    if lane.status(now)[0] == "held":
        return _("%(lane)s is held already", lane=lane.name)
    return None


def why_not_resumed(lane: LaneView, now: datetime) -> str | None:
    """Why a lane cannot be resumed, or need not be; ``None`` if it can."""
    if lane.fault is not None:
        return _(
            "%(lane)s is held by its accounts file: %(fault)s",
            lane=lane.name,
            fault=known(lane.fault),
        )
    if lane.status(now)[0] == "open":
        return _("%(lane)s is open", lane=lane.name)
    return None
