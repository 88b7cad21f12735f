"""Judges the records of plans: whether each end was told, once, and as it is.

It goes by the scenario and by the rows of cancellations: not by the steps that the
ledger has noted, nor by Rescind's own verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.demo.facts import Offence
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.plan_tables import PLAN
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.provider.outcomes import Reason
from simulate.planned_entries import complete
from simulate.recorded_plans import has_plan, key_of
from simulate.scenario import Scenario
from simulate.simulated_withdrawals import path_of

Records = Sequence[Mapping[str, Any]]
NOT_WANTED = (State.WITHDRAWN, Reason.NOT_WANTED)


def plan_offences(
    connection: Connection, plan: Scenario, rows: Records, at: datetime
) -> Iterator[Offence]:
    """What is wrong with the record of each plan at the end of the world."""
    found = {row.key: row for row in connection.execute(select(PLAN))}
    for steps, key in _plans(plan, rows, at):
        for why in _wrong(connection, steps, found.get(key)):
            yield Offence("plan", key, why)


def _plans(
    plan: Scenario, rows: Records, at: datetime
) -> Iterator[tuple[Records, str]]:
    """The cancellations of each message that is a plan, and its key."""
    by_path = {(row["provider"], row["account"], row["key"]): row for row in rows}
    for message in plan.messages:
        entries = list(complete(message.entries))
        paths = [path_of(entry, at) for entry in entries]
        steps = [by_path[path] for path in paths if path in by_path]
        if has_plan(entries) and steps:
            yield steps, key_of(entries)


def _wrong(
    connection: Connection, steps: Records, plan: Row[Any] | None
) -> Iterator[str]:
    if plan is None:
        yield "it has no record"
        return
    d = DELIVERY.c
    its = select(d.document).where(d.kind == Kind.PLAN, d.subject == plan.id)
    told = connection.execute(its).scalars().all()
    verdict = _verdict(steps)
    ended = verdict is not None
    if ended != (plan.ended_at is not None):
        yield f"its record says that it has {'not ' if ended else ''}ended"
    if len(told) != ended:
        yield f"its end was told {len(told)} times, and its verdict is {verdict}"
    for document in told if ended else ():
        if document["verdict"] != verdict or _shown(document["steps"]) != _shown(steps):
            yield f"its end was told as {document['verdict']}, and is {verdict}"


def _shown(steps: Records) -> list[tuple[str, str, str]]:
    return [(one["id"], one["state"], one["reason"]) for one in steps]


def _verdict(steps: Records) -> str | None:
    states = {one["state"] for one in steps}
    if states - FINAL:
        return None
    if State.FAILED in states:
        return "unknown"
    ends = [(one["state"], one["reason"]) for one in steps]
    counted = [end for end in ends if end != NOT_WANTED]
    whole = [
        reason != Reason.PARTIAL for state, reason in counted if state == "cancelled"
    ]
    if not whole:
        return "not_done"
    return "done" if all(whole) and len(whole) == len(counted) else "partly"
