"""The page with both forms: one cancellation, or a file of them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from providers.registry import BY_NAME
from rescind.config.access_tokens import Scope
from rescind.config.accounts import Accounts, Lane
from rescind.dashboard.forms import texts_of
from rescind.dashboard.lane_notes import notes_on_lanes
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    LimitedSubmitter,
    RefusedError,
    TheDashboard,
    check_scope,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.param_fields import PREFIX
from rescind.dashboard.submission.plan_form import templates_for
from rescind.dashboard.submission.single_form import SingleForm
from rescind.dashboard.translation import _
from rescind.dashboard.unsent_forms import Sent, shows_again
from rescind.intake.limited_entries import limited
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt
from rescind.intake.spellings import respelled
from rescind.intake.submissions import take_in
from rescind.ledger.access_limits import Limits
from rescind.ledger.changes.submission_actions import SubmissionActions

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/submit")
def forms(
    request: Request, dashboard: TheDashboard, who: LimitedReader, lane: str = ""
) -> Response:
    check_scope(who, Scope.SUBMIT)
    return show_forms(request, dashboard, who, written={"lane": lane})


def show_forms(
    request: Request,
    dashboard: Dashboard,
    who: Session,
    status: int = 200,
    *,
    written: Mapping[str, str] | None = None,
    form: SingleForm | None = None,
    file_wrong: str = "",
) -> Response:
    """The page with both forms, filled in as before if something was wrong."""
    lanes = lanes_of(dashboard.accounts, who.limits)
    if form is None:
        lane = _chosen(lanes, (written or {}).get("lane", ""))
        form = SingleForm(lane, within=who.limits) if lane else None
    return page(
        request,
        "submit.html",
        status,
        lanes=lanes,
        plans=templates_for(dashboard, who),
        form=form,
        lane_notes=notes_on_lanes(dashboard, [form.lane]) if form else [],
        prefix=PREFIX,
        file_wrong=file_wrong,
    )


def lanes_of(accounts: Accounts, within: Limits) -> list[Lane]:
    """The lanes to which a session with these limits may submit, sorted."""
    known = (lane for lane in accounts.lanes if lane[0] in BY_NAME)
    return sorted(lane for lane in known if within.touches(*lane))


def _chosen(lanes: list[Lane], name: str) -> Lane | None:
    """The lane of that name, or the only one.

    No other is chosen for the user: an order would easily go to a wrong provider.
    """
    if len(lanes) == 1:
        return lanes[0]
    provider, _slash, account = name.partition("/")
    return (provider, account) if (provider, account) in lanes else None


def _known(accounts: Accounts, name: str, within: Limits) -> Lane:
    provider, _slash, account = name.partition("/")
    if (provider, account) not in lanes_of(accounts, within):
        raise RefusedError(_("There is no such account: nothing was submitted."), 422)
    return provider, account


def _other_fields(written: Mapping[str, str]) -> str | None:
    """Why a form is refused whose fields are those of another lane than it names.

    A browser may restore the chosen lane beside the fields of another.
    """
    lane = written.get("lane", "")
    fields_of = written.get("fields_of", lane)
    if fields_of == lane:
        return None
    return _(
        "The list named %(lane)s, but the fields were those of %(other)s. The fields"
        " are now those of %(lane)s: check them, then submit the order.",
        lane=lane,
        other=fields_of,
    )


@router.post("/desk/submit/one")
async def submit_one(
    request: Request, dashboard: TheDashboard, who: LimitedSubmitter
) -> Response:
    """Submit one cancellation; with a wrong field, show the form again."""
    written = await texts_of(request)
    return await run_in_threadpool(_submit, request, dashboard, written, who)


@shows_again("/desk/submit/one")
def _again(
    request: Request, dashboard: Dashboard, who: Session, sent: Sent
) -> Response:
    written = dict(sent.items())
    lane = _known(dashboard.accounts, written.get("lane", ""), who.limits)
    form = SingleForm(lane, written, within=who.limits)
    if why := _other_fields(written):
        form.wrong["lane"] = why
    return show_forms(request, dashboard, who, form=form)


def _submit(
    request: Request, dashboard: Dashboard, written: Mapping[str, str], who: Session
) -> Response:
    lane = _known(dashboard.accounts, written.get("lane", ""), who.limits)
    if written.get("choose"):
        return RedirectResponse(f"/desk/submit?lane={quote('/'.join(lane))}", 303)
    form = SingleForm(lane, written, within=who.limits)
    if why := _other_fields(written):
        form.wrong["lane"] = why
        return show_forms(request, dashboard, who, 422, form=form)
    now, context = dashboard.now(), dashboard.context
    entry = form.entry(dashboard.accounts, now, context.callbacks)
    entries = limited([entry], who.limits)
    known = (dashboard.engine, dashboard.accounts, context.seal, entries, now)
    if not form.wrong:
        # What is refused only here would be kept as a refused cancellation.
        (would,) = preview(*known, context.callbacks)
        if would.wrong is not None:
            form.wrong["key" if would.conflicts else "after"] = would.wrong
    if form.wrong:
        return show_forms(request, dashboard, who, 422, form=form)
    listed = SubmissionActions()
    (taken,) = take_in(*known, context.callbacks, by=who.actor, listed=listed)
    if taken.receipt is Receipt.ACCEPTED and taken.lane:
        dashboard.notify({"cancel": {taken.lane}})
    done = "accepted" if taken.receipt is Receipt.ACCEPTED else "known"
    done = f"{done}-respelled" if respelled(entry) else done
    return RedirectResponse(f"/desk/cancellations/{taken.id}?done={done}", 303)
