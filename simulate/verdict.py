"""Judges the ledger of a world by the simulated providers' own record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from chaos.chaos_oracle import Judgement, judge
from chaos.unresolved import given_up as unresolved_and_told
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.demo.facts import Offence, Wish
from rescind.engine.stall_watchdog import STANDS_STILL
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import FINAL
from rescind.ledger.storage.tables import TRANSITION
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from simulate.network import Network
from simulate.plan_ends import plan_offences
from simulate.plan_verdict import Plans
from simulate.scenario import Scenario
from simulate.simulated_withdrawals import path_of

Records = Sequence[Mapping[str, Any]]


def verdict(
    plan: Scenario, ledger: Engine, network: Network, at: datetime
) -> tuple[Judgement, Records, Records]:
    """The judgement, the ledger's rows, and the providers' records."""
    with reading(ledger) as connection:
        found = list_rows(connection, Wanted())
        rows = [as_record(row) for row in found]
        reopened = dict(_reopened(connection))
        ends = list(plan_offences(connection, plan, rows, at))
    records = [
        _sent(simulation.record(order, at.timestamp()), network)
        for simulation in network.sandbox.simulations.values()
        for order in simulation.orders.values()
        if order.events
    ]
    wishes = set(_wishes(plan, at))
    judged, plans = judge(wishes, rows, records, reopened, at), Plans(plan, rows, at)
    waiting = {(row["provider"], row["order"]) for row in rows if plans.waits(row)}
    left = [o for o in judged.unfinished if (o.provider, o.order) not in waiting]
    kinds = {**judged.kinds, "plan": (*plans.offences(records), *ends)}
    return replace(judged, kinds=kinds, unfinished=left), rows, records


def given_up(rows: Records, records: Records) -> Iterator[Offence]:
    """Unresolved, though the provider would have told: in the end all answer."""
    # The few attempts of the real policies may be used up by as many faults.
    unresolved = [row for row in rows if row["reason"] == Reason.UNRESOLVED]
    yield from unresolved_and_told(unresolved, records)


def stood_still(logs: Records) -> Iterator[Offence]:
    """Lanes that made no call though they could, as a worker's watchdog logged it."""
    for line in logs:
        if line["event"] == STANDS_STILL:
            what = f"{line['operation']}, {line['due']} due"
            why = f"no call for {line['seconds']} s: it waits for {line['waits_for']}"
            yield Offence(line["lane"], what, why)


def _sent(record: dict[str, Any], network: Network) -> Mapping[str, Any]:
    """The record, with the times at which each call was sent in place of its arrival:
    Rescind is not responsible for the time on the way."""
    path = (record["provider"], record["id"])
    events = [
        {**event, "t": network.sent.get((*path, place), event["t"])}
        for place, event in enumerate(record["events"])
    ]
    return {**record, "events": events}


def _wishes(plan: Scenario, at: datetime) -> Iterator[Wish]:
    for message in plan.messages:
        for entry in message.entries:
            yield path_of(entry, at)


def _reopened(connection: Connection) -> Iterator[tuple[str, str]]:
    t = TRANSITION.c
    left = select(t.cancellation_id, t.from_state, t.to_state).where(
        t.from_state.in_(FINAL)
    )
    for row in connection.execute(left):
        yield row.cancellation_id, f"{row.from_state} was left for {row.to_state}"


class Stalls:
    """Watches a world's logs for lanes that stand still: the world can end then."""

    def __init__(self, logs: Records) -> None:
        self._logs = logs
        self._read = 0

    def any_new(self) -> bool:
        """Whether such a line was logged since the last call."""
        new = self._logs[self._read :]
        self._read += len(new)
        return any(stood_still(new))
