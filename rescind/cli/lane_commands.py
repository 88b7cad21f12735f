"""The code of ``rescind lanes``, ``rescind hold`` and ``rescind resume``."""

from __future__ import annotations

from datetime import datetime

from rescind.cli import connections, output
from rescind.config.accounts import Lane
from rescind.config.actors import command_actor
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.ledger.reading.backlogs import COUNTED, Backlog
from rescind.operations import actions
from rescind.operations.lane_holds import hold, hold_note, resume
from rescind.operations.lane_view import LaneView, age

READS_FIRST = (
    "the ledger was restored: for {} more, each order is read before it is first sent"
)


def show_lanes(*, exact: bool | None, as_json: bool) -> None:
    engine, accounts = connections.need_ledger(create=True), connections.need_accounts()
    now = utc_now()
    # A program that reads only the numbers would take a bounded count for an exact one.
    most = None if (as_json if exact is None else exact) else COUNTED
    shown = actions.lanes(engine, accounts, now, most)
    if as_json:
        for one in shown:
            output.emit_json(one.document(now))
    elif shown:
        columns = ("lane", "status", "backlog", "oldest", "rate", "why")
        output.table(columns, [_row(one, now) for one in shown])
    else:
        messages.say(
            "there are no lanes: the accounts file has no account", "accounts-missing"
        )


def _row(one: LaneView, now: datetime) -> tuple[str, ...]:
    status, why = one.status(now)
    backlog = _backlog(one.backlog)
    oldest = "" if one.backlog.oldest is None else _span(one.backlog.oldest, now)
    until = ""
    if status == "paused" and one.state.paused_until is not None:
        until = f" for {_span(now, one.state.paused_until)}"
    rate = one.policy.rate
    why = f"{why}, {one.held_by}" if one.held_by else why
    if one.resumable:
        why = f"{why}; {_when_it_goes_on(one, now)}"
    reads_first = one.reads_first_until(now)
    if reads_first is not None:
        said = READS_FIRST.format(_span(now, reads_first))
        why = f"{why}; {said}" if why else said
    return (
        one.name,
        f"{status}{until}",
        backlog or "-",
        oldest or "-",
        rate,
        why or "",
    )


def _when_it_goes_on(one: LaneView, now: datetime) -> str:
    """How a lane that is held in the ledger goes on, by itself or by a command."""
    command = f"`rescind resume {one.name}`"
    if one.state.probe_at is None:
        return f"{command} resumes it"
    if one.state.probe_at <= now:
        return f"the next call tests it; {command} resumes it now"
    # This machine's accounts file may be another one than that of the workers.
    sooner = "or once the accounts file has changed"
    left = _span(now, one.state.probe_at)
    return f"one call tests it in {left}, {sooner}; {command} resumes it now"


def _backlog(backlog: Backlog) -> str:
    more = dict.fromkeys(backlog.more, "more than ")
    each = backlog.by_state.items()
    return ", ".join(f"{more.get(state, '')}{n} {state}" for state, n in each)


def _span(since: datetime, until: datetime) -> str:
    """The time from ``since`` to ``until``, in days, hours, minutes or seconds."""
    seconds = round(age(since, until))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# --- holding and resuming ---------------------------------------------------------


def hold_lane(name: str, reason: str) -> None:
    engine, accounts = connections.need_ledger(create=True), connections.need_accounts()
    lane, by, note = _lane(name), command_actor(), hold_note(reason)
    hold(engine, accounts, lane, utc_now(), note, by=by)
    output.emit(f"{name} is held: `rescind resume {name}` resumes it")


def resume_lane(name: str) -> None:
    engine, accounts = connections.need_ledger(create=True), connections.need_accounts()
    lane = _lane(name)
    fault = resume(engine, accounts, lane, utc_now(), by=command_actor())
    if fault is None:
        connections.notify_lanes([lane], *actions.EVERY_OPERATION)
    output.emit(f"{name} goes on")
    if fault is not None:
        why = f"{name} stays held until the accounts file is corrected: {fault}"
        messages.say(why, "lane-held")


def _lane(name: str) -> Lane:
    provider, _, account = name.partition("/")
    return provider, account
