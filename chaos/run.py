"""Runs one plan on one database and makes its report."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chaos.answers import dropped
from chaos.chaos_oracle import judge
from chaos.chaos_report import Pause, Report, pauses, tally
from chaos.conductor import Conductor
from chaos.fault_plan import Plan, plan
from chaos.idleness import Due
from chaos.outages import UNWRITTEN, Outage
from chaos.plan_drawing import is_in_plan
from chaos.plan_oracle import Plans, ends_of, steps_of
from chaos.refusals_said import refusals_in
from chaos.scales import Scale
from chaos.system_under_test import SystemUnderTest
from chaos.unresolved import given_up, not_told
from chaos.way import USUAL
from chaos.ways import WAYS
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.accounts import Accounts, load_accounts
from rescind.config.times import utc_now
from rescind.demo.facts import LedgerRow, Offence, Wish
from rescind.demo.stall import STALL_SECONDS
from rescind.intake.validation import check
from rescind.ledger.reading.queries import as_record, history
from rescind.ledger.storage.transactions import reading

LASTING = ("provider", "order", "params", "key")
"""The fields of an entry that say which cancellation it is."""
Submitted = tuple[Mapping[str, Any], Wish]


def run(
    kind: str,
    scale: Scale,
    seed: int,
    mutation: str | None = None,
    keep: bool = False,
    way: str = USUAL,
) -> Report:
    """Run once on one kind of database, in a new folder, and return the report."""
    home = Path(tempfile.mkdtemp(prefix="rescind-chaos-"))
    chosen = WAYS[way]
    drawn = chosen.changed(plan(seed, scale))
    made = SystemUnderTest(home, kind, seed, mutation, scale.patience, chosen)
    try:
        with made as system:
            conductor = Conductor(system, drawn, chosen)
            conductor.run()
            report = _report(kind, way, drawn, mutation, system, conductor)
            conductor.engine.dispose()
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
    return report


def _report(
    kind: str,
    way: str,
    drawn: Plan,
    mutation: str | None,
    system: SystemUnderTest,
    conductor: Conductor,
) -> Report:
    until = time.time()
    rows, read_at = _rows(conductor.engine), utc_now()
    records = system.sandbox.orders()
    broken = conductor.watcher.broken
    submitted = list(_submitted(drawn, system))
    wishes = {wish for entries in submitted for _, wish in entries}
    judged = judge(wishes, rows, records, broken, read_at)
    plans = _plans(submitted, rows, records, conductor)
    outages = conductor.outages.log
    calls = sorted(system.sandbox.call_times())
    counts = system.sandbox.calls()
    log = conductor.log
    deaths = system.failpoints.deaths()
    troubles = [*(at for at, _, _ in deaths), *system.failpoints.freezes()]
    refusals = [(o.began, o.ended) for o in outages if o.what in UNWRITTEN]
    idle = conductor.watcher.idleness.intervals
    excused = [*outages, *(Outage("nothing was due", *one) for one in idle)]
    began = conductor.began.wall.timestamp()
    paused = pauses(deaths, calls, excused, began, until)
    return Report(
        database=kind,
        way=way,
        seed=drawn.seed,
        mutation=mutation,
        orders=drawn.scale.orders,
        seconds=conductor.finished_in,
        calls=sum(sum(ops.values()) for ops in counts["calls"].values()),
        faults=sum(fired["count"] for fired in counts["faults"]),
        offences={
            **judged.kinds,
            "given_up": tuple(given_up(rows, records)),
            "dropped": tuple(dropped(records, refusals, troubles, _several(rows))),
            "withdrawal": tuple(conductor.withdrawals.offences(rows)),
            "ended": tuple(_ended(system, began)),
            "plan": tuple(plans.untrue()),
            "waiting": tuple(plans.waiting()),
            "way": tuple(WAYS[way].offences()),
        },
        unresolved=list(_evidence(conductor.engine, not_told(rows, records))),
        deaths=dict(Counter(_place(point) for _, point, _ in deaths)),
        pauses=paused,
        due_in_pause=_due_in_worst(paused, conductor, began),
        others={
            "transactions that failed": log.failed_transactions,
            "workers frozen": log.frozen,
            "messages sent again after Redis was emptied": log.resubmitted,
            "sends that failed at first": sum(p.failures for p in conductor.producers),
            "retries": conductor.retries.retried,
            "retries refused": conductor.retries.refused,
            "withdrawals": len(conductor.withdrawals.withdrawn),
            "withdrawals refused": conductor.withdrawals.refused,
            "steps of plans": len(plans.steps),
            "decisions for a failed step": conductor.operator.decisions,
        },
        outcomes=dict(tally(rows)),
        unfinished=judged.unfinished,
        outages=_away(outages),
        refusals=refusals_in(system.said_by_workers()),
        stalled_for=STALL_SECONDS if conductor.stalled else None,
    )


def _due_in_worst(paused: Sequence[Pause], conductor: Conductor, began: float) -> Due:
    worst = max(paused, key=lambda pause: pause.seconds, default=None)
    if worst is None:
        return {}
    return conductor.watcher.idleness.due_during(
        began + worst.since, began + worst.until
    )


def _away(outages: Iterable[Outage]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for one in outages:
        spent[one.what] = spent.get(one.what, 0.0) + one.ended - one.began
    return spent


def _several(rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """The orders that have several cancellations."""
    counted = Counter((row["provider"], row["order"]) for row in rows)
    return {order for order, number in counted.items() if number > 1}


def _ended(system: SystemUnderTest, began: float) -> Iterator[Offence]:
    for pid, at in system.failpoints.ended().items():
        why = f"ended by itself {at - began:.0f} s after the start"
        yield Offence("worker", str(pid), why)


def _place(point: str) -> str:
    delivery = point.partition("-")[0]
    return f"{delivery} delivery" if delivery in ("first", "second") else point


def _rows(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [as_record(row) for row in list_rows(connection, Wanted())]


def _submitted(drawn: Plan, system: SystemUnderTest) -> Iterator[list[Submitted]]:
    """The entries of each message, with the cancellations that have to be in the
    ledger."""
    accounts = load_accounts(system.home / "accounts.toml")
    now = utc_now()
    for message in drawn.messages:
        yield [(one, _wish(one, accounts, now)) for one in message.entries]


def _wish(entry: Mapping[str, Any], accounts: Accounts, now: datetime) -> Wish:
    lasting = {k: v for k, v in entry.items() if k in LASTING}
    checked = check(lasting, accounts, now)
    return (checked.provider.name, checked.account, checked.key)


def _plans(
    submitted: Sequence[Sequence[Submitted]],
    rows: Sequence[LedgerRow],
    records: Sequence[Mapping[str, Any]],
    conductor: Conductor,
) -> Plans:
    found = {(row["provider"], row["account"], row["key"]): row for row in rows}
    those = [w for some in submitted for one, w in some if is_in_plan(one)]
    with reading(conductor.engine) as connection:
        ends = {
            wish: ends_of(history(connection, found[wish]["id"]))
            for wish in those
            if wish in found
        }
    steps = list(steps_of(submitted))
    return Plans(steps, found, ends, records, conductor.operator.decided)


def _evidence(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    with reading(engine) as connection:
        for row in rows:
            path = f"{row['provider']}/{row['account']}/{row['key']}"
            steps = history(connection, row["id"])
            seen = "; ".join(f"{s['to']} by {s['evidence']}" for s in steps[-3:])
            yield f"{path}: {row['reason']}, {row['provider_message']}; {seen}"
