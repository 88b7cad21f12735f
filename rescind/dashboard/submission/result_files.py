"""What became of the rows of an uploaded file, as files to download.

They have the columns of the uploaded file, so that a corrected one can be uploaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from rescind.dashboard.csv_export import BOM, as_csv, attached, cell
from rescind.dashboard.export_columns import headings
from rescind.dashboard.formatting import plain
from rescind.dashboard.known_sentences import known
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.file_submission import Result, as_result, with_cells
from rescind.dashboard.submission.file_verdicts import FAULTY, judge
from rescind.dashboard.submission.kept_uploads import KeptUploads
from rescind.dashboard.submission.present_states import present
from rescind.dashboard.submission.row_fields import LABELS, NAMED
from rescind.dashboard.submission.verdict_words import verdict_words
from rescind.dashboard.translation import _
from rescind.dashboard.workbook_writer import TYPE, chunks, workbook
from rescind.intake.files.file_rows import Row

ALWAYS = ("provider", "account", "order")
"""The columns that every file has."""

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/submit/preview/{id}.csv")
@router.get("/desk/submit/preview/{id}.xlsx")
def wrong_rows(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
) -> Response:
    """The rows that would not be submitted because they are wrong."""
    kept = KeptUploads(dashboard, who).get("preview", id)
    if kept is None:
        raise preview_gone()
    rows = rows_of_preview(kept)
    judged = judge(dashboard, rows, dashboard.now(), who.limits)
    results = with_cells([as_result(one) for one in judged], rows)
    wrong = [one for one in results if one["verdict"] in FAULTY]
    return _as_file(request, wrong, "rescind-wrong-rows", before=True)


@router.get("/desk/submit/result/{id}.csv")
@router.get("/desk/submit/result/{id}.xlsx")
def result_file(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
) -> Response:
    """Every row, with the state that its cancellation has now."""
    kept = kept_result(dashboard, who, id)["results"]
    results = present(dashboard.engine, kept).results
    return _as_file(request, results, "rescind-result")


def _as_file(
    request: Request, results: Sequence[Result], name: str, before: bool = False
) -> Response:
    """A file of the kind that the address ends with."""
    kind = request.url.path.rpartition(".")[2]
    headers = attached(f"{name}.{kind}")
    if kind == "csv":
        text, media = result_csv(results, before), "text/csv; charset=utf-8"
        return Response(text, media_type=media, headers=headers)
    table = [header_of(results), *result_rows(results, before)]
    file = workbook(table[0], table[1:], _("Result"), to_fill_in=True)
    return StreamingResponse(chunks(file), media_type=TYPE, headers=headers)


def columns_of(results: Iterable[Result]) -> list[str]:
    """The columns of the result: those of the file, and what became of each row."""
    given = {name: None for one in results for name in one["cells"]}
    named = [name for name in NAMED if name in given or name in ALWAYS]
    others = [name for name in given if name not in named]
    return ["line", *named, *others, "verdict", "why", "state", "id"]


def header_of(results: Sequence[Result]) -> list[str]:
    """The columns in the reader's language; one without a label has its name."""
    columns = columns_of(results)
    return headings(columns, {**{name: name for name in columns}, **LABELS})


def result_rows(results: Sequence[Result], before: bool = False) -> Iterator[list[Any]]:
    """The values of the columns of each row, in the reader's language.

    ``before``: of a preview.
    """
    columns = columns_of(results)
    for one in results:
        said = {
            "verdict": verdict_words(one["verdict"], before),
            "why": known(one["why"]) or one.get("ended", ""),
            "state": plain(one["state"]) if one["state"] else "",
        }
        whole = {**one, **one["cells"], **said}
        yield [whole.get(name, "") for name in columns]


def result_csv(results: Sequence[Result], before: bool = False) -> str:
    """The results as CSV for spreadsheet programs."""
    rows = ([cell(one) for one in row] for row in result_rows(results, before))
    return BOM + as_csv([header_of(results), *rows])


# --- what is kept ---------------------------------------------------------------------


def rows_of_preview(kept: dict[str, Any]) -> list[Row]:
    """The rows of a kept preview."""
    return [Row(*one) for one in kept["rows"]]


def preview_gone() -> RefusedError:
    return RefusedError(
        _(
            "This preview is kept no more: half an hour has passed, or another file was"
            " uploaded. Nothing was submitted by this page. Upload the file again."
        ),
        410,
    )


def kept_result(dashboard: Dashboard, who: Session, id_: str) -> dict[str, Any]:
    """The kept result of this id; raises ``RefusedError``."""
    found: dict[str, Any] | None = KeptUploads(dashboard, who).get("result", id_)
    if found is None:
        raise RefusedError(
            _(
                "This result is kept no more. What was accepted is in the ledger:"
                " search for it."
            ),
            410,
        )
    return found
