"""Pages that submit a plan: choose one, type its input, see what it does, submit it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from rescind.config.access_tokens import Scope
from rescind.dashboard.forms import texts_of
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
from rescind.dashboard.submission.kept_uploads import KeptUploads
from rescind.dashboard.submission.plan_form import (
    PlanForm,
    graph_of_steps,
    previewed,
    submit,
    templates_for,
)
from rescind.dashboard.submission.plan_inputs import PREFIX
from rescind.dashboard.translation import _
from rescind.dashboard.unsent_forms import Sent, shows_again
from rescind.intake.receipts import Receipt, lanes_to_notify
from rescind.plans.plan_templates import Template

KIND = "plan"

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/submit/plan")
def choose(
    request: Request, dashboard: TheDashboard, who: LimitedReader, plan: str = ""
) -> Response:
    """The plans, or the form of the one that is named."""
    check_scope(who, Scope.SUBMIT)
    known = templates_for(dashboard, who)
    if not plan and len(known) != 1:
        return page(request, "plan_choice.html", plans=known)
    template = _named(dashboard, who, plan) if plan else known[0]
    return _form(request, PlanForm(template))


def _named(dashboard: Dashboard, who: Session, name: str) -> Template:
    known = {one.name: one for one in templates_for(dashboard, who)}
    if name not in known:
        why = _("There is no such plan in the plans file: nothing was submitted.")
        raise RefusedError(why, 404)
    return known[name]


def _form(request: Request, form: PlanForm, status: int = 200) -> Response:
    return page(request, "plan_form.html", status, form=form, prefix=PREFIX)


@router.post("/desk/submit/plan")
async def check(
    request: Request, dashboard: TheDashboard, who: LimitedSubmitter
) -> Response:
    """Keep the input if the plan would be accepted; the preview shows its steps."""
    written = await texts_of(request)
    return await run_in_threadpool(_check, request, dashboard, who, written)


@shows_again("/desk/submit/plan")
def _again(
    request: Request, dashboard: Dashboard, who: Session, sent: Sent
) -> Response:
    written = dict(sent.items())
    template = _named(dashboard, who, written.get("plan", ""))
    return _form(request, PlanForm(template, written))


def _check(
    request: Request, dashboard: Dashboard, who: Session, written: Mapping[str, str]
) -> Response:
    form = PlanForm(_named(dashboard, who, written.get("plan", "")), written)
    values = form.read()
    if not form.wrong:
        name = form.template.name
        form.refuse(submit(dashboard, who, name, values, dry_run=True).faults)
    if form.wrong or form.faults:
        return _form(request, form, 422)
    id_ = secrets.token_urlsafe(12)
    kept = {"plan": form.template.name, "input": values}
    KeptUploads(dashboard, who).put(KIND, id_, kept)
    return RedirectResponse(f"/desk/submit/plan/{id_}", 303)


@router.get("/desk/submit/plan/{id}")
def preview(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
) -> Response:
    """What would become of each step, before anything is submitted."""
    check_scope(who, Scope.SUBMIT)
    kept = _kept(dashboard, who, id)
    template = _named(dashboard, who, kept["plan"])
    taken = submit(dashboard, who, template.name, kept["input"], dry_run=True)
    if taken.faults:
        form = PlanForm(template)
        form.refuse(taken.faults)
        return _form(request, form, 422)
    steps = previewed(template, taken)
    return page(
        request,
        "plan_preview.html",
        id=id,
        plan=template,
        taken=taken,
        steps=steps,
        graph=graph_of_steps(steps),
    )


def _kept(dashboard: Dashboard, who: Session, id_: str) -> Any:
    kept = KeptUploads(dashboard, who).get(KIND, id_)
    if kept is None:
        raise RefusedError(
            _(
                "This preview is kept no more: half an hour has passed, or another plan"
                " was typed since. Type it again: what was submitted before is not"
                " submitted twice."
            ),
            410,
        )
    return kept


@router.post("/desk/submit/plan/now")
def submit_now(
    dashboard: TheDashboard,
    who: LimitedSubmitter,
    id: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:
    """Submit what the preview showed. A repetition leads to the same plan."""
    kept = _kept(dashboard, who, id)
    taken = submit(dashboard, who, kept["plan"], kept["input"], dry_run=False)
    if taken.id is None:
        raise RefusedError("; ".join(one.wrong for one in taken.faults), 422)
    if lanes := lanes_to_notify(taken.taken):
        dashboard.notify({"cancel": lanes})
    done = "accepted" if taken.receipt is Receipt.ACCEPTED else "known"
    return RedirectResponse(f"/desk/plans/{taken.id}?done={done}", 303)
