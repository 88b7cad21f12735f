"""Pages for a file of cancellations: its preview, its submission, and its result."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.access_tokens import Scope
from rescind.dashboard.lane_notes import notes_on_lanes
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    LimitedSubmitter,
    TheDashboard,
    check_form,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.self_update import SelfUpdate, self_update, unchanged
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.browser_zone import zone_named
from rescind.dashboard.submission.file_submission import (
    Result,
    as_result,
    submit_rows,
)
from rescind.dashboard.submission.file_verdicts import FAULTY, Verdict, judge
from rescind.dashboard.submission.kept_uploads import KeptUploads
from rescind.dashboard.submission.present_states import Present, present
from rescind.dashboard.submission.result_files import (
    kept_result,
    preview_gone,
    rows_of_preview,
)
from rescind.dashboard.submission.row_fields import LABELS, columns_in
from rescind.dashboard.submission.submit_page import show_forms
from rescind.dashboard.submission.upload_reading import (
    FormFields,
    ReadFile,
    read_upload,
)
from rescind.dashboard.submission.upload_route import Upload, UploadRoute
from rescind.dashboard.translation import _
from rescind.intake.files.file_rows import FileError
from rescind.ledger.states import FINAL

SHOWN = 100
"""Rows on a page of the preview or of the result."""
LONGEST_NAME = 100
OFTEN = 1_000
"""The most orders of a result that may update itself every other second."""

upload_router = APIRouter(route_class=UploadRoute)
router = APIRouter(route_class=DashboardRoute)


@upload_router.post("/desk/submit/file")
def upload(request: Request, dashboard: TheDashboard, who: LimitedReader) -> Response:
    """Read the file and keep its rows; the preview shows them."""
    sent: Upload = request.state.upload
    check_form(request, who, sent.fields.get("form_key", ""), Scope.SUBMIT)
    try:
        found = _read(sent)
    except FileError as error:
        return show_forms(request, dashboard, who, 422, file_wrong=str(error))
    id_ = secrets.token_urlsafe(12)
    rows = [[row.line, row.entry, row.wrong] for row in found.rows]
    kept = {
        "name": found.name,
        "turkish": found.turkish,
        "has_results": found.has_results,
        "has_days": found.has_days,
        "zone": found.zone,
        "rows": rows,
    }
    KeptUploads(dashboard, who).put("preview", id_, kept)
    return RedirectResponse(f"/desk/submit/preview/{id_}", 303)


def _read(sent: Upload) -> ReadFile:
    name = sent.name[-LONGEST_NAME:] or _("the file")
    if not sent.content:
        raise FileError(_("Choose a file that is not empty."))
    given = {n: sent.fields.get(n, "").strip() for n in ("group", "on_group_end")}
    zone = zone_named(sent.fields.get("zone", ""))
    form = FormFields(zone, {name: text for name, text in given.items() if text})
    return read_upload(sent.content, name, form)


@router.get("/desk/submit/preview/{id}")
def preview(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
    show: str = "",
    after: int = 0,
) -> Response:
    """What would happen to each row, before anything is submitted.

    After that, the browser's way back leads to the result.
    """
    uploads = KeptUploads(dashboard, who)
    if uploads.get("result", id) is not None:
        return RedirectResponse(f"/desk/submit/result/{id}", 303)
    kept = uploads.get("preview", id)
    if kept is None:
        raise preview_gone()
    judged = judge(dashboard, rows_of_preview(kept), dashboard.now(), who.limits)
    return page(
        request,
        "preview.html",
        id=id,
        kept=kept,
        lane_notes=notes_on_lanes(dashboard, (one.lane for one in judged)),
        warned=sum(one.begins_at_once for one in judged),
        wrong=sum(one.verdict in FAULTY for one in judged),
        **_table([as_result(one) for one in judged], show, after),
    )


def _table(rows: Sequence[Result], show: str, after: int) -> dict[str, Any]:
    """What the table of a preview or a result shows: a page of the chosen rows."""
    chosen = [one for one in rows if not show or one["verdict"] == show]
    start = max(0, after)
    return {
        "counts": Counter(one["verdict"] for one in rows),
        "verdicts": list(Verdict),
        "columns": columns_in(one["fields"] for one in rows),
        "labels": LABELS,
        "show": show,
        "rows": chosen[start : start + SHOWN],
        "following": start + SHOWN if len(chosen) > start + SHOWN else None,
    }


@router.post("/desk/submit/file/now")
def submit(
    dashboard: TheDashboard,
    who: LimitedSubmitter,
    id: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:
    """Submit what the preview showed. A repetition leads to the same result."""
    uploads = KeptUploads(dashboard, who)
    if uploads.get("result", id) is None:
        _submit_kept(dashboard, who, id)
    return RedirectResponse(f"/desk/submit/result/{id}", 303)


def _submit_kept(dashboard: Dashboard, who: Session, id_: str) -> None:
    uploads = KeptUploads(dashboard, who)
    kept = uploads.get("preview", id_)
    if kept is None:
        raise preview_gone()
    results = submit_rows(dashboard, rows_of_preview(kept), dashboard.now(), who)
    uploads.put("result", id_, {"name": kept["name"], "results": results})


@router.get("/desk/submit/result/{id}")
def result(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
    show: str = "",
    after: int = 0,
) -> Response:
    """What became of each row, with the state that its cancellation has now."""
    kept = kept_result(dashboard, who, id)
    found = present(dashboard.engine, kept["results"])
    open_ones = [one for one in found.submitted if one.state not in FINAL]
    notes = notes_on_lanes(dashboard, [(o.provider, o.account) for o in open_ones])
    update = _update(dashboard, found, notes) if open_ones else None
    return unchanged(request, update) or page(
        request,
        "submitted.html",
        id=id,
        kept=kept,
        lane_notes=notes,
        update=update,
        present=found,
        **_table(found.results, show, after),
    )


def _update(dashboard: Dashboard, found: Present, notes: Sequence[str]) -> SelfUpdate:
    rows = found.submitted
    changed = max(row.updated_at for row in rows) if len(rows) <= OFTEN else None
    return self_update(changed, dashboard.now(), found.results, notes)
