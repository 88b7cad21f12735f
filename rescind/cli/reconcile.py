"""``rescind reconcile``: a restored ledger's open orders are read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rescind.cli import connections, output
from rescind.config.accounts import Accounts
from rescind.config.actors import command_actor
from rescind.intake.values import past_or_future_time
from rescind.ledger.reading.queries import stamp
from rescind.ledger.restored import read_first_until
from rescind.ledger.storage.milliseconds import to_ms
from rescind.operations.reconciliation import (
    Progress,
    Reconciliation,
    now_of,
    preview,
    reconcile,
    seconds_to_read,
)


def reconcile_ledger(since: str | None, *, dry_run: bool, as_json: bool) -> None:
    begin = past_or_future_time(since, "--since")
    engine, accounts = connections.need_ledger(), connections.need_accounts()
    now = now_of(engine)
    if dry_run:
        found = preview(engine, accounts, now, begin)
    else:
        with _shown() as progress:
            by = command_actor()
            found = reconcile(engine, accounts, now, begin, progress, by=by)
    if as_json:
        output.emit_json(found.document(accounts, dry_run=dry_run))
    else:
        _emit(found, accounts, dry_run=dry_run)


def _emit(found: Reconciliation, accounts: Accounts, *, dry_run: bool) -> None:
    if found.lanes:
        columns = ("lane", "orders to read", "takes about")
        output.table(columns, list(_rows(found, accounts)))
    will = "would be" if dry_run else "are"
    output.emit(f"{found.orders:,} open orders {will} read back before any is sent")
    if found.reopened or found.kept:
        output.emit(
            f"{found.reopened:,} that had ended {will} read back, too;"
            f" {found.kept:,} stay as they are, because others went on after their end"
        )
    if not dry_run:
        until = stamp(to_ms(read_first_until(found.at)))
        output.emit(
            f"until {until} new orders are read before they are sent: now start the"
            " workers, and let producers submit again"
        )


def _rows(found: Reconciliation, accounts: Accounts) -> Iterator[tuple[str, ...]]:
    for lane, states in found.lanes.items():
        seconds = seconds_to_read(accounts.policy(lane), lane, states)
        listed = ", ".join(f"{number:,} {state}" for state, number in states.items())
        yield "/".join(lane), listed, f"{seconds} s"


@contextmanager
def _shown() -> Iterator[Progress]:
    """Shows on a terminal how many orders are marked."""
    if not output.on_terminal():
        yield lambda marked: None
        return
    from rich.console import Console

    with Console(stderr=True).status("marking") as status:
        yield lambda marked: status.update(f"{marked:,} orders marked")
