"""Sample files to fill in: a row for each account, and a column for each param.

No row can be submitted by mistake: where the order belongs stands what an order is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from providers.registry import BY_NAME
from rescind.config.access_tokens import Scope
from rescind.config.accounts import Lane
from rescind.dashboard.csv_export import BOM, as_csv, attached
from rescind.dashboard.export_columns import headings
from rescind.dashboard.known_sentences import known
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    TheDashboard,
    check_scope,
)
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.param_fields import PREFIX, param_fields
from rescind.dashboard.submission.row_fields import LABELS
from rescind.dashboard.submission.submit_page import lanes_of
from rescind.dashboard.translation import _
from rescind.dashboard.workbook_writer import TYPE, chunks, workbook
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError

FIELDS = ("provider", "account", "order", "group", "not_before", "cancel_before")
FILE = "rescind-sample"

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/submit/sample.csv")
def sample_csv(dashboard: TheDashboard, who: LimitedReader) -> Response:
    text = as_csv(_table(dashboard, who))
    kind, headers = "text/csv; charset=utf-8", attached(f"{FILE}.csv")
    return Response(BOM + text, media_type=kind, headers=headers)


@router.get("/desk/submit/sample.xlsx")
def sample_workbook(dashboard: TheDashboard, who: LimitedReader) -> Response:
    header, *rows = _table(dashboard, who)
    file = workbook(header, rows, _("Cancellations"), to_fill_in=True)
    headers = attached(f"{FILE}.xlsx")
    return StreamingResponse(chunks(file), media_type=TYPE, headers=headers)


def _table(dashboard: TheDashboard, who: Session) -> list[list[str]]:
    check_scope(who, Scope.SUBMIT)
    lanes = lanes_of(dashboard.accounts, who.limits)
    params = list(dict.fromkeys(name for lane in lanes for name in _params(lane)))
    header = [*headings(FIELDS, LABELS), *(f"{PREFIX}{name}" for name in params)]
    return [header, *_rows(lanes, params)]


def _params(lane: Lane) -> list[str]:
    return [one.name for one in param_fields(BY_NAME[lane[0]])]


def _rows(lanes: Sequence[Lane], params: Sequence[str]) -> Iterator[list[str]]:
    for lane in lanes:
        provider = BY_NAME[lane[0]]
        given = {"provider": lane[0], "account": lane[1], "order": _no_order(provider)}
        values = {name: _cell(one) for name, one in examples(provider).items()}
        fields = [given.get(name, "") for name in FIELDS]
        yield [*fields, *(values.get(name, "") for name in params)]


def _no_order(provider: Provider[Any]) -> str:
    """What an order is; nothing if that could be an order."""
    said = known(provider.order_form)
    return "" if provider.order_pattern.fullmatch(said) else said


def examples(provider: Provider[Any]) -> Mapping[str, Any]:
    """Examples of the params without which a cancel would not be valid, by name."""
    fields = [one for one in param_fields(provider) if one.example is not None]
    found = {one.name: one.example for one in fields if one.required}
    for one in fields:
        if _are_valid(provider, found):
            break
        found.setdefault(one.name, one.example)
    return found


def _are_valid(provider: Provider[Any], params: Mapping[str, Any]) -> bool:
    try:
        provider.check_params(params)
    except InvalidRequestError:
        return False
    return True


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
