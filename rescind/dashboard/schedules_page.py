"""The page of the schedules: each rule, its runs, and a way on for a held one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.formatting import number_of
from rescind.dashboard.forms import Text
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Operator,
    Reader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import _
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.scheduling.schedule_runs import request_run
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.action_log import log_action
from rescind.provider.text import storable
from rescind.schedules.rules import Schedules, load_schedules

RUNS = 20
MOST = 1_000_000
"""The largest maximum that a run may get."""

router = APIRouter(route_class=DashboardRoute)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule, as it is shown."""

    name: str
    when: str | None
    zone: str | None
    most: int | None
    next_at: datetime | None
    fault: str | None
    runs: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any] | None:
        return self.runs[0] if self.runs else None


@router.get("/desk/schedules")
def list_schedules(
    request: Request, dashboard: TheDashboard, who: Reader, asked: str = ""
) -> Response:
    """Each rule of the schedules file, with its newest runs."""
    del who
    found = load_schedules(dashboard.context.settings.schedules)
    with reading(dashboard.engine) as connection:
        runs = {name: runs_of(connection, name, RUNS) for name in sorted(found.names)}
    now = dashboard.now()
    rules = [
        _row(found, name, list(map(as_document, rows)), now)
        for name, rows in runs.items()
    ]
    return page(
        request,
        "schedules.html",
        rules=rules,
        fault=None if found.missing else found.fault,
        notice=_("%(name)s will run within seconds.", name=asked)
        if asked in found.names
        else None,
    )


def _row(
    found: Schedules, name: str, runs: list[dict[str, Any]], now: datetime
) -> RuleRow:
    rule = found.rules.get(name)
    return RuleRow(
        name=name,
        when=None if rule is None else str(rule.timing),
        zone=None if rule is None else rule.zone.key,
        most=None if rule is None else rule.max,
        next_at=None if rule is None else rule.timing.next_after(now),
        fault=found.faults.get(name),
        runs=runs,
    )


@router.post("/desk/schedules/run")
def run_again(
    dashboard: TheDashboard, who: Operator, name: Text = "", most: Text = ""
) -> Response:
    """Ask the workers for one run, with the maximum that the operator allows."""
    found = load_schedules(dashboard.context.settings.schedules)
    if name not in found.rules:
        raise RefusedError(_("There is no such schedule, or its rule is wrong."), 404)
    now = dashboard.now()
    with writing(dashboard.engine) as connection:
        asked = request_run(connection, storable(name), now, _number(most), who.actor)
        subject = Subject(target=storable(name))
        if asked:
            record_action(connection, who.actor, Action.RUN, subject, now)
    if not asked:
        raise RefusedError(
            _("A run of this schedule is under way: wait until it has ended."), 409
        )
    log_action(who.actor, Action.RUN, subject)
    return RedirectResponse(f"/desk/schedules?asked={name}", 303)


def _number(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MOST):
        raise RefusedError(
            _(
                "The maximum must be a number from 1 to %(most)s.",
                most=number_of(MOST),
            ),
            422,
        )
    return int(text)
