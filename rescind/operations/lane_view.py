"""The view of one lane, for the command line, the HTTP API and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rescind.config.accounts import Lane
from rescind.ledger.changes.lane_states import (
    LaneState,
)
from rescind.ledger.reading.backlogs import (
    Backlog,
)
from rescind.ledger.reading.queries import stamp
from rescind.ledger.restored import read_first_until
from rescind.ledger.storage.milliseconds import to_ms
from rescind.provider.policy import Policy

STALLED = "it stands still: orders are due, no call is made; see the workers' log"


# --- lanes ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane: its account's fault, policy, state and backlog."""

    lane: Lane
    fault: str | None
    policy: Policy
    state: LaneState
    backlog: Backlog
    stalled_since: datetime | None = None
    """Since when no call was made, though orders are due and may be called."""

    @property
    def name(self) -> str:
        return "/".join(self.lane)

    def status(self, now: datetime) -> tuple[str, str | None]:
        """``open``, ``paused`` or ``held``, and why."""
        if self.fault is not None:
            return "held", self.fault
        if self.state.held_at is not None:
            return "held", self._why_held()
        if self.state.paused_until is not None and now < self.state.paused_until:
            return "paused", self.state.pause_reason
        return "open", STALLED if self.stalled_since else None

    def _why_held(self) -> str | None:
        why, note = self.state.held_reason, self.state.held_note
        return f"{why}: {note}" if note else why

    @property
    def resumable(self) -> bool:
        """Whether it is held, and not by a fault in the accounts file."""
        return self.fault is None and self.state.held_at is not None

    @property
    def held_by(self) -> str | None:
        """The actor who holds it; ``None`` if nobody does, or the accounts file."""
        return self.state.held_by if self.fault is None else None

    @property
    def held_note(self) -> str | None:
        """Why that actor holds it, if the actor said so."""
        return self.state.held_note if self.fault is None else None

    def reads_first_until(self, now: datetime) -> datetime | None:
        """Until when it reads each order before it first sends it, because the ledger
        was restored; ``None`` if it does not."""
        restored_at = self.state.restored_at
        if restored_at is None or self.policy.repeatable:
            return None
        until = read_first_until(restored_at)
        return until if now < until else None

    def document(self, now: datetime) -> dict[str, Any]:
        """The lane as ``rescind lanes --json`` and ``GET /v1/lanes`` show it."""
        status, why = self.status(now)
        oldest, state = self.backlog.oldest, self.state
        return {
            "lane": self.name,
            "provider": self.lane[0],
            "account": self.lane[1],
            "status": status,
            "why": why,
            "backlog": self.backlog.by_state,
            "backlog_more": sorted(self.backlog.more),
            "oldest": stamp(to_ms(oldest)),
            "oldest_seconds": None if oldest is None else age(oldest, now),
            "rate": self.policy.rate,
            "read_rate": self.policy.read_rate,
            "failures": state.failures,
            "paused_until": stamp(to_ms(state.paused_until)),
            "held_at": stamp(to_ms(state.held_at)),
            "probe_at": stamp(to_ms(state.probe_at)),
            "fault": self.fault,
            "stalled_since": stamp(to_ms(self.stalled_since)),
            "reads_first_until": stamp(to_ms(self.reads_first_until(now))),
            "held_by": self.held_by,
            "held_note": self.held_note,
        }


def age(since: datetime, now: datetime) -> float:
    """Seconds from ``since`` to ``now``, to the millisecond."""
    return round(max(0.0, (now - since).total_seconds()), 3)
