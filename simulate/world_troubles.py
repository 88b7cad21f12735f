"""Faults of a world that begin at a time: of clocks, of Redis and of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from simulate.hub import Hub
from simulate.ledger_outage import LedgerOutage
from simulate.ledger_restore import LedgerRestore
from simulate.machine import Machine
from simulate.message_queue import Broker
from simulate.producers import Producers
from simulate.scenario import Trouble
from simulate.simulated_worker import Worker


class Crew(Protocol):
    """The workers of a world."""

    @property
    def workers(self) -> Sequence[Worker]: ...

    def kill(self, machine: Machine) -> None: ...

    def moved(self) -> None:
        """Note that the ledger has changed."""


@dataclass(slots=True)
class WorldTroubles:
    """Starts them."""

    hub: Hub
    broker: Broker
    producers: Producers
    outage: LedgerOutage
    restore: LedgerRestore
    crew: Crew
    note: Callable[[str], None]
    left: int = 0
    """Copies of the ledger that are still to be put back."""

    def start(self, trouble: Trouble) -> None:
        self.note(f"{trouble.kind} {trouble.seconds:g}")
        match trouble.kind:
            case "set-clock":
                for worker in self.crew.workers[:1]:
                    worker.machine.skew += trouble.seconds
            case "redis-away":
                self.broker.go_away(trouble.seconds)
            case "redis-emptied":
                self.broker.lose_all()
                self.producers.send_all_again()
            case "ledger-away":
                self.outage.begin(trouble.seconds)
            case "ledger-restored":
                self.left += 1
                self.restore.copy()
                self.hub.later(trouble.seconds, self._put_back)

    def _put_back(self) -> None:
        for worker in list(self.crew.workers):
            self.crew.kill(worker.machine)
        self.note("the ledger is restored, and reconciled")
        self.restore.put_back(datetime.fromtimestamp(self.hub.time, UTC))
        self.left -= 1
        self.crew.moved()
        self.producers.send_all_again()
