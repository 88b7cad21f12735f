"""What a way to run changes: its servers, its programs and its faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.databases import DATABASES, Database, database
from chaos.fault_plan import Plan
from chaos.fault_schedule import PlannedFault
from chaos.redis_servers import OneRedis, RedisServers
from chaos.scales import Scale
from rescind.demo.facts import Offence
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger
from rescind.system.supervisor import Program

USUAL = "usual"
"""The name of the way that changes nothing."""

if TYPE_CHECKING:
    from chaos.outages import Outages
    from chaos.system_under_test import SystemUnderTest


@dataclass(frozen=True, slots=True)
class Means:
    """What the faults of a way may use."""

    system: SystemUnderTest
    outages: Outages
    send_lost_again: Callable[[], int]
    """Makes the producers send those messages again that the ledger does not show, and
    returns how many there were."""


class Way:
    """The usual way to run. Another way overrides what it changes."""

    databases: tuple[str, ...] = DATABASES
    """The kinds of database that it runs on."""
    left_out: frozenset[str] = frozenset()
    """Kinds of faults of the usual way that do not happen."""
    waited_for: frozenset[str] = frozenset()
    """Kinds of faults of this way that must be over before the drain begins."""

    def redis(self, home: Path) -> RedisServers:
        return OneRedis(home)

    def database(self, kind: str, home: Path) -> Database:
        return database(kind, home)

    def prepare_ledger(self, url: str) -> None:
        """Make the tables, before the workers start."""
        engine = open_ledger(url)
        upgrade(engine)
        engine.dispose()

    def program(self, program: Program) -> Program:
        """A worker or a beat (``worker-1``, ``worker-2``, ``beat-1``…), changed."""
        return program

    def faults(self, scale: Scale) -> list[PlannedFault]:
        """Faults beside those of the usual way."""
        del scale
        return []

    def deals(self, means: Means) -> Mapping[str, Callable[[PlannedFault], None]]:
        """How each kind of its own faults is done. Each runs in a thread of its own."""
        del means
        return {}

    def offences(self) -> list[Offence]:
        """What went wrong in this way alone, at the end of a run."""
        return []

    def changed(self, drawn: Plan) -> Plan:
        """The plan with the faults of this way."""
        kept = [one for one in drawn.faults if one.kind not in self.left_out]
        kept += self.faults(drawn.scale)
        return replace(drawn, faults=tuple(sorted(kept, key=lambda one: one.at)))
