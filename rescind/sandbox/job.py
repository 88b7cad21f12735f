"""A provider's call that is under way, and what its fault does to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescind.sandbox.orders import Event
from rescind.sandbox.raw_http import Connection, Reply, html_reply
from rescind.sandbox.sandbox_log import Entry
from rescind.sandbox.sandbox_scenario import Step
from rescind.sandbox.simulation import Call, Notes, Simulation

GARBAGE = html_reply(200, "One moment please")
NEVER_ACTED = frozenset(
    {
        "drop_before",
        "error_500_before",
        "error_502_before",
        "error_503_before",
        "throttle",
        "answer_before",
        "no_answer_before",
    }
)
DROPPED = frozenset({"drop_before", "drop_after"})
NO_ANSWER = frozenset({"no_answer_before", "no_answer_after"})


@dataclass(slots=True)
class Job:
    """A provider's call that is under way."""

    provider: Simulation
    call: Call
    connection: Connection
    entry: Entry
    """The call in the log."""
    kind: str | None = None
    step: Step | None = None
    """What the scenario says of this call."""
    skip: str | None = None
    drop: str | None = None
    contradict: str | None = None
    era: int = 0
    """The number of resets before this call: after another reset it must not act."""
    events: dict[str, Event] = field(default_factory=dict)

    def concern(self, order_id: str) -> None:
        """Let the fault of a row be about this order."""
        if self.kind == "row_missing":
            self.skip = order_id
        if self.kind == "row_dropped":
            self.drop = order_id
        if self.kind == "row_contradicted":
            self.contradict = order_id

    def notes(self, now: float) -> Notes:
        return Notes(now, self.skip, self.drop, self.contradict)

    def seconds(self, usual: float) -> float:
        """How long the fault lasts: as the scenario says, or as usual."""
        said = self.step.seconds if self.step else None
        return usual if said is None else said

    def going_out(self, reply: Reply | None) -> Reply | None:
        """The reply as the fault lets it out; ``None`` drops the connection."""
        kind = self.kind or ""
        if kind in DROPPED:
            return None
        if kind.startswith("error_"):
            return self.provider.broken(int(kind.split("_")[1]))
        if kind == "throttle":
            return self.provider.throttled()
        if kind.startswith("answer_") and self.step:
            return self.step.reply
        return GARBAGE if kind == "garbage" else reply

    def record_acts(self, notes: Notes) -> None:
        """Record what the provider did to orders, and which it listed as active."""
        if self.skip is not None:
            notes.active.pop(self.skip, None)
        for order_id in notes.acted:
            self.events[order_id].acted = True
        for order_id, active in notes.active.items():
            if order_id not in self.events:
                # The answer lists orders that the call did not name.
                self.events[order_id] = self.provider.event(
                    order_id, notes.now, self.call.op, self.kind
                )
            self.events[order_id].active = active

    def record_answer(self, reply: Reply | None, *, answered: bool) -> None:
        """Record for each order whether its caller got an answer."""
        readable = answered and self.kind != "garbage" and reply is not None
        for order_id, event in self.events.items():
            event.answered = answered and order_id != self.skip
            event.status = reply.status if answered and reply else None
            if not readable or (reply is not None and reply.status >= 500):
                event.active = None
