"""``rescind schedule run``: runs a rule by hand, or shows what it would submit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import typer
from sqlalchemy import Engine

from providers.registry import BY_NAME
from rescind.cli import connections, output
from rescind.cli.schedule_list import need_rule
from rescind.config.actors import command_actor
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt, Taken
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.scheduling.schedule_runs import (
    KEPT,
    Run,
    RunState,
    start_manual_run,
)
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading, writing
from rescind.schedules.rules import Rule
from rescind.schedules.runner import LEASE, Ended, Harvest, Runner, gather

HIDDEN = "***"
WORDS = {
    Receipt.ACCEPTED: "would be submitted",
    Receipt.DUPLICATE: "in the ledger already",
    Receipt.REFUSED: "would be refused",
}


# --- dry run ----------------------------------------------------------------------


def dry_run(name: str, most: int | None, *, as_json: bool) -> None:
    rule = need_rule(name)
    engine, accounts = connections.need_ledger(create=True), connections.need_accounts()
    now = utc_now()
    harvest = gather(rule, now, most)
    known = (engine, accounts, settings().seal())
    taken = preview(*known, harvest.entries, now, settings().callbacks)
    both = list(zip(harvest.entries, taken, strict=True))
    if as_json:
        for entry, one in both:
            output.emit_json(_document(entry, one))
    elif both:
        columns = ("provider", "account", "order", "key", "what", "why")
        output.table(columns, [_row(entry, one) for entry, one in both])
    messages.say(_summary(rule, harvest, taken))
    if harvest.over:
        _end(WRONG, "schedule-held")
    if any(one.receipt is Receipt.REFUSED for one in taken):
        _end(WRONG, "invalid-request")


def _document(entry: Mapping[str, Any], one: Taken) -> dict[str, Any]:
    known = one.id if one.receipt is Receipt.DUPLICATE else None
    return {
        "receipt": one.receipt,
        "id": known,
        "wrong": one.wrong,
        "entry": _shown(entry),
    }


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """``entry`` with the params masked that the ledger would seal."""
    params = entry.get("params")
    if not isinstance(params, dict):
        return dict(entry)
    name = entry.get("provider")
    provider = BY_NAME.get(name) if isinstance(name, str) else None
    sealed = provider.sealed_params if provider else params.keys()
    return {
        **entry,
        "params": {k: HIDDEN if k in sealed else v for k, v in params.items()},
    }


def _row(entry: Mapping[str, Any], one: Taken) -> tuple[object, ...]:
    shown = (entry.get("provider"), entry.get("account", "default"), entry.get("order"))
    return (*shown, entry.get("key", "-"), WORDS[one.receipt], one.wrong)


def _summary(rule: Rule, harvest: Harvest, taken: list[Taken]) -> str:
    receipts = [one.receipt for one in taken]
    said = [f"{receipts.count(one)} {words}" for one, words in WORDS.items()]
    counted = f"more than {harvest.most}" if harvest.over else str(harvest.found)
    text = f"{counted} found: {', '.join(said)}; its zone is {rule.zone.key}"
    if harvest.over:
        text += f". That is more than its max of {harvest.most}: NOTHING would be"
        text += " submitted, and the run held"
    return text


# --- run by hand ------------------------------------------------------------------


def run_now(name: str, most: int | None, *, as_json: bool) -> None:
    rule = need_rule(name)
    connections.need_redis()
    engine, accounts = connections.need_ledger(create=True), connections.need_accounts()
    known = (engine, accounts, settings().seal())
    more = (utc_now, connections.notify_lanes, settings().callbacks)
    runner = Runner(*known, *more)
    with writing(engine) as connection:
        by = command_actor()
        run = start_manual_run(connection, name, utc_now(), LEASE, by=by)
        record_action(connection, by, Action.RUN, Subject(target=name), utc_now())
    ended = _run(runner, rule, run, most)
    if as_json:
        output.emit_json(_recorded(engine, run))
    else:
        output.emit(_sentence(name, ended))
    _end_with(ended)


def _run(runner: Runner, rule: Rule, run: Run, most: int | None) -> Ended:
    try:
        return runner.run(rule, run, most)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        why = "interrupted" if stopped else f"it ended early: {type(error).__name__}"
        with suppress(LedgerUnreachableError):
            runner.end(run, Ended(RunState.FAILED, why=f"{why}; run it again"))
        raise


def _recorded(engine: Engine, run: Run) -> dict[str, Any]:
    with reading(engine) as connection:
        rows = runs_of(connection, run.name, KEPT)
    return next(as_document(row) for row in rows if row.due_at == in_ms(run.due_at))


def _sentence(name: str, ended: Ended) -> str:
    if ended.counts is None or ended.state is not RunState.SUBMITTED:
        return f"{name} is {ended.state}: {ended.why}"
    counts = ended.counts
    return (
        f"{name} is submitted: {counts.found} found, {counts.accepted} accepted,"
        f" {counts.duplicates} submitted before, {counts.refused} refused"
    )


def _end_with(ended: Ended) -> None:
    if ended.state is RunState.HELD:
        _end(WRONG, "schedule-held")
    if ended.state is not RunState.SUBMITTED:
        _end(UNREACHABLE if ended.passing else WRONG, "schedule-source")
    if ended.counts and ended.counts.refused:
        _end(WRONG, "invalid-request")


def _end(status: int, problem: str) -> NoReturn:
    messages.see(problem)
    raise typer.Exit(status)
