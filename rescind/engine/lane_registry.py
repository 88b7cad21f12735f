"""The lanes that this process knows, and the ones that have something to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import structlog

from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine.calls import Caller
from rescind.engine.lane_operation import FIRST_PACE, STATES, LaneOperation

if TYPE_CHECKING:
    from rescind.engine.lane_share import Share

log = structlog.get_logger("rescind.engine")

MakeCaller = Callable[[Lane, LaneConfig, str], Caller]
Key = tuple[Lane, str]


class Registry:
    """Every operation of every lane that was used so far. The engine's thread owns
    it."""

    def __init__(
        self, accounts: Callable[[], Accounts], make_caller: MakeCaller
    ) -> None:
        self._accounts = accounts
        self._make_caller = make_caller
        self._seen: Accounts | None = None
        self._known: dict[Key, LaneOperation] = {}
        self._active: dict[Key, LaneOperation] = {}
        self._faults: dict[Lane, str | None] = {}

    def __iter__(self) -> Iterator[LaneOperation]:
        return iter(list(self._known.values()))

    @property
    def active(self) -> list[LaneOperation]:
        """The operations with something to do: urgent ones first, then those whose
        last share is the longest ago. Batches come after single calls, unless they were
        passed over."""
        return sorted(self._active.values(), key=_rank)

    def get(self, lane: Lane, name: str) -> LaneOperation:
        """One operation of a lane, created at its first use."""
        found = self._known.get((lane, name))
        if found is None:
            config = self._accounts().lane(lane)
            caller = self._make_caller(lane, config, name)
            found = LaneOperation(lane, name, config, caller)
            found.pace = 0.0 if found.limited else FIRST_PACE
            self._known[lane, name] = found
            self._log_fault(found)
        return found

    def known(self, lane: Lane, name: str) -> LaneOperation | None:
        """One operation of a lane, if it was ever used. Any thread may ask."""
        return self._known.get((lane, name))

    def of_lane(self, lane: Lane) -> Iterable[LaneOperation]:
        """The lane's operations that were used so far."""
        found = (self._known.get((lane, name)) for name in STATES)
        return [one for one in found if one is not None]

    def activate(self, operation: LaneOperation) -> None:
        """Note that the operation has something to do."""
        self._active.setdefault((operation.lane, operation.operation), operation)

    def has_due(self, lane: Lane, name: str) -> None:
        """Note that the ledger may hold due orders for this operation."""
        operation = self.get(lane, name)
        operation.backlog = True
        operation.waiting = 0
        operation.restraint = None
        self.activate(operation)

    def end_turns(self, shares: Iterable[Share]) -> None:
        """Move each operation that had a share to the end, and drop those with nothing
        left to do."""
        for share in shares:
            one = share.operation
            if self._active.pop((one.lane, one.operation), None):
                self.activate(one)
        resting = [key for key, one in self._active.items() if not one.busy]
        for key in resting:
            del self._active[key]

    def reload(self) -> None:
        """Use the accounts file's present content. Calls under way keep the old one."""
        accounts = self._accounts()
        if accounts is self._seen:
            return
        self._seen = accounts
        for (lane, name), operation in self._known.items():
            operation.config = accounts.lane(lane)
            operation.caller = self._make_caller(lane, operation.config, name)
            operation.restraint = None
            self._log_fault(operation)

    def _log_fault(self, operation: LaneOperation) -> None:
        """Log once why a lane cannot be called."""
        lane, fault = operation.lane, operation.config.fault
        if fault is not None and self._faults.get(lane) != fault:
            log.error("lane cannot be called", lane="/".join(lane), why=fault)
        self._faults[lane] = fault


def _rank(one: LaneOperation) -> tuple[bool, bool]:
    batches = one.batch > 1 and not one.passed_over
    return (not one.urgent, batches)
