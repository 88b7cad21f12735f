"""``rescind capacity``: what the load of yesterday, or another one, needs."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import make_url

from rescind.cli import output
from rescind.cli.connections import need_accounts, need_ledger
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors.exit_statuses import WRONG
from rescind.errors.reported import CommandError
from rescind.ledger.storage.transactions import reading
from rescind.operations.capacity import Demand, Need, needs, scaled
from rescind.operations.observed_load import (
    Observed,
    nothing_observed,
    observed,
)

PEAK = 10.0
"""Assumed if nothing ended yesterday."""
YEAR = 365.0
COLUMNS = ("need", "number", "unit", "why")


def capacity(
    orders: float | None,
    peak: float | None,
    answer: float | None,
    days: float | None,
    *,
    as_json: bool,
) -> None:
    """Print what is needed, each with its reason."""
    seen = _seen()
    if not seen.lanes:
        says = "the accounts file names no account, so there is nothing to calculate"
        raise CommandError(says, WRONG)
    lanes = seen.lanes if orders is None else scaled(seen.lanes, orders)
    if answer is not None:
        lanes = [replace(one, answer=answer) for one in lanes]
    kept = _kept_days() if days is None else days
    one_writer = make_url(settings().database).get_backend_name() == "sqlite"
    demand = Demand(lanes, peak or seen.peak or PEAK, kept, one_writer)
    listed = [*_load(demand, seen, orders, peak), *needs(demand)]
    _show(listed, as_json=as_json)


def _seen() -> Observed:
    chosen, accounts = settings(), need_accounts()
    if chosen.embedded_database and not chosen.ledger_file.exists():
        return nothing_observed(accounts)
    with reading(need_ledger()) as connection:
        return observed(connection, accounts, utc_now())


def _kept_days() -> float:
    keep = settings().keep_for
    return YEAR if keep is None else keep.total_seconds() / 86_400


def _load(
    demand: Demand, seen: Observed, orders: float | None, peak: float | None
) -> list[Need]:
    whence = "what ended in the last 24 hours" if orders is None else "as given"
    if peak is not None:
        why = "as given"
    elif seen.peak is not None:
        why = "the busiest quarter of an hour of the last 24 hours"
    else:
        why = "assumed: nothing ended in the last 24 hours"
    return [
        Need("load", round(demand.orders), "orders a day", whence),
        Need("peak", round(demand.peak, 1), "times the average", why),
    ]


def _show(listed: list[Need], *, as_json: bool) -> None:
    if as_json:
        for one in listed:
            output.emit_json(one.document())
        return
    rows = [(one.need, f"{one.number:,.12g}", one.unit, one.why) for one in listed]
    output.table(COLUMNS, rows)
