"""``POST /v1/cancellations``: accepts one or many, and answers after the commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.bodies import read_json
from rescind.api.callers import LimitedSubmitter
from rescind.api.entry_rates import EntryRates
from rescind.api.group_commit import Intake
from rescind.api.openapi import SUBMISSION, TOKEN_PROBLEMS, problems
from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.response_models import Receipt as OneReceipt
from rescind.api.response_models import Receipts
from rescind.config.access_tokens import Token
from rescind.intake.limited_entries import limited
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.references import resolved
from rescind.intake.submissions import MOST
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import plain_text
from rescind.telemetry.tracing import from_headers

router = APIRouter(prefix="/v1", tags=["cancellations"])
LONGEST_KEY = 200
KEY_PATTERN = (
    r'^(?:"[ -~]{1,200}"|"(?:[ -~]{0,198}[!#-~])?|[!#-~](?:[ -~]{0,198}[!-~])?)$'
)
"""The header in the OpenAPI document: in quotes, or not."""
KEY_HEADER = "/header/Idempotency-Key"
_STATUSES: dict[RefusalCode | None, tuple[int, str]] = {
    RefusalCode.OUTSIDE_LIMITS: (403, "forbidden")
}
"""Status and slug of a single entry that is refused; 422 for other codes."""
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The `key` of a single cancellation: printable ASCII, with or"
        " without quotes.",
        json_schema_extra={"pattern": KEY_PATTERN},
    ),
]


@router.post(
    "/cancellations",
    status_code=202,
    summary="Cancel one order, or up to 1,000",
    response_description="Accepted: it is in the ledger, and ends exactly once.",
    responses={
        202: {
            "model": OneReceipt | Receipts,
            "headers": {
                "Location": {
                    "description": "The address of a single cancellation.",
                    "schema": {"type": "string"},
                }
            },
        },
        **TOKEN_PROBLEMS,
        **problems(413),
        **problems(403, 422, model="Refusal"),
    },
    openapi_extra=SUBMISSION,
)
async def submit(
    request: Request, caller: LimitedSubmitter, idempotency_key: IdempotencyKey = None
) -> Response:
    """Answers 202 only after the ledger has committed.

    Each of many gets a receipt, in order. A wrong one is refused, is kept as
    `rejected`, and does not harm the others. A single wrong one is answered with 422.
    A cancellation that was submitted before is a `duplicate`, and changes nothing:
    its receipt has its `state`, and `differs` lists the fields with other values.
    """
    # FastAPI passes one header of this name; `_header_key` reads all of them.
    del idempotency_key
    body = await read_json(request)
    if isinstance(body, dict) and "cancellations" in body:
        entries = _many(body, request)
        return _receipts(await _take_in(request, entries, caller))
    entry = _single(body, request)
    taken = await _take_in(request, [entry], caller)
    return _receipt(taken[0], by_header=entry is not body)


async def _take_in(
    request: Request, entries: list[object], caller: Token
) -> list[Taken]:
    rates: EntryRates = request.app.state.entry_rates
    intake: Intake = request.app.state.intake
    context: ApiContext = request.app.state.context
    rates.count(caller.name, len(entries))
    trace = from_headers(request.headers)
    # Before others' entries share its transaction: a ref is known in its request only.
    entries_within = limited(resolved(entries), caller.limits)
    taken = await intake.take_in(entries_within, caller.actor, trace)
    context.notifier.notify(_new_lanes(taken))
    return taken


def _new_lanes(taken: Iterable[Taken]) -> set[tuple[str, str]]:
    return {t.lane for t in taken if t.receipt is Receipt.ACCEPTED and t.lane}


# --- the request --------------------------------------------------------------------


def _many(body: dict[str, Any], request: Request) -> list[object]:
    if request.headers.getlist("idempotency-key"):
        says = "It names one cancellation: give each of many its own `key`."
        raise _bad_key(says, 422)
    entries = body["cancellations"]
    if len(body) > 1 or not isinstance(entries, list) or not entries:
        raise _wrong(
            'The body must be {"cancellations": [...]}: a list that is not empty, and'
            " no other field.",
            "/cancellations" if len(body) == 1 else "",
        )
    if len(entries) > MOST:
        raise ProblemError(
            413,
            "body-too-large",
            f"The request holds {len(entries):,} cancellations, and at most {MOST:,}"
            " are allowed: none of them was accepted.",
            param="/cancellations",
        )
    return entries


def _single(body: Any, request: Request) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _wrong(
            "The body must be a cancellation, an object with named fields, or"
            ' {"cancellations": [...]}.'
        )
    return with_header_key(body, request)


def with_header_key(body: dict[str, Any], request: Request) -> dict[str, Any]:
    """``body`` with the ``key`` of the header ``Idempotency-Key``, if that was sent."""
    key = _header_key(request)
    if key is None:
        return body
    its_own = body.get("key")
    if its_own is not None and plain_text(its_own) != key:
        says = "It differs from `key` in the body: send only one of the two."
        raise _bad_key(says, 422)
    return {**body, "key": key}


def where_sent(param: str | None, *, by_header: bool) -> str | None:
    """``param``, or the header if that is where the request has its key."""
    return KEY_HEADER if by_header and param == "/key" else param


def _header_key(request: Request) -> str | None:
    given = set(request.headers.getlist("idempotency-key"))
    if not given:
        return None
    key = given.pop().strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        # The header's draft standard makes it a structured field, in quotes.
        key = key[1:-1]
    good = key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY
    if given or not good:
        raise _bad_key(f"It must be one text of 1 to {LONGEST_KEY} ASCII characters.")
    return key


def _wrong(says: str, param: str = "") -> ProblemError:
    code = ProblemCode.INVALID_BODY
    return ProblemError(400, "invalid-request", says, code=code, param=param)


def _bad_key(says: str, status: int = 400) -> ProblemError:
    says = f"Idempotency-Key: {says}"
    return ProblemError(status, "idempotency-key", says, param=KEY_HEADER)


# --- the answer ---------------------------------------------------------------------


def _receipt(taken: Taken, *, by_header: bool) -> Response:
    if taken.receipt is Receipt.REFUSED:
        raise ProblemError(
            *_STATUSES.get(taken.code, (422, "invalid-request")),
            taken.wrong or "",
            code=taken.code,
            param=where_sent(taken.param, by_header=by_header),
            id=taken.id or None,
            receipt=taken.receipt,
        )
    return JSON(
        {"id": taken.id, "receipt": taken.receipt, **_of_a_duplicate(taken)},
        status_code=202,
        headers={"Location": f"/v1/cancellations/{taken.id}"},
    )


def _of_a_duplicate(taken: Taken) -> dict[str, Any]:
    """The fields that only the receipt of a duplicate has."""
    if taken.receipt is not Receipt.DUPLICATE:
        return {}
    return {"state": taken.state, "differs": taken.differs}


def _receipts(taken: list[Taken]) -> Response:
    counts = Counter(one.receipt for one in taken)
    listed = [_listed(place, one) for place, one in enumerate(taken)]
    return JSON(
        {"counts": {r: counts[r] for r in Receipt}, "cancellations": listed},
        status_code=202,
    )


def _listed(place: int, taken: Taken) -> dict[str, object]:
    where = None if taken.param is None else f"/cancellations/{place}{taken.param}"
    return {
        "id": taken.id or None,
        "receipt": taken.receipt,
        "wrong": taken.wrong,
        "code": taken.code,
        "param": where,
        **_of_a_duplicate(taken),
    }
