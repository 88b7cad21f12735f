"""``POST /v1/plans`` submits a plan; ``GET /v1/plan-templates`` lists what may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.bodies import read_json
from rescind.api.callers import LimitedSubmitter, needs
from rescind.api.entry_rates import EntryRates
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.plan_receipt_models import PlanReceipt, PlanTemplates
from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.submission_routes import IdempotencyKey, where_sent, with_header_key
from rescind.config.access_tokens import Scope, Token
from rescind.intake.receipts import Receipt, lanes_to_notify
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.plans.plan_choice import plans_within
from rescind.plans.plan_documents import template_document
from rescind.plans.plan_receipts import PlanTaken, as_document, faults_document
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.step_entries import Sender
from rescind.provider.refusal_codes import RefusalCode, pointer
from rescind.provider.text import field_name
from rescind.telemetry.tracing import from_headers

router = APIRouter(prefix="/v1", tags=["plans"], responses=TOKEN_PROBLEMS)
FIELDS = ("plan", "input", "key", "callback_url")
MOST_SAID = 5
"""The most faults that the problem's own sentence repeats."""
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "plan": {"type": "string", "description": "The plan's name."},
                        "input": {
                            "type": "object",
                            "description": "What its template takes, by name.",
                        },
                        "key": {
                            "type": ["string", "null"],
                            "maxLength": 200,
                            "description": "Used instead of the template's.",
                        },
                        "callback_url": {
                            "type": ["string", "null"],
                            "description": "Where its end is told, instead of the"
                            " template's.",
                        },
                    },
                    "required": ["plan"],
                    "additionalProperties": False,
                },
                "examples": {
                    "order": {
                        "value": {
                            "plan": "web-order",
                            "input": {
                                "order_no": "1001",
                                "awb": "86210010465",
                                "akinon_order": "2000001",
                                "reasons": {"101": 2},
                                "sms": "400000001",
                            },
                        }
                    }
                },
            }
        },
    }
}
Reader = Annotated[Token, Depends(needs(Scope.SUBMIT, Scope.READ, within_limits=True))]


class PlanActions:
    """The entries of the list of actions that count submitted plans.

    One of them is used by one thread at a time, so there are as many as requests that
    ran at once.
    """

    def __init__(self) -> None:
        self._free: SimpleQueue[SubmissionActions] = SimpleQueue()

    @contextmanager
    def one(self) -> Iterator[SubmissionActions]:
        try:
            found = self._free.get_nowait()
        except Empty:
            found = SubmissionActions()
        try:
            yield found
        finally:
            self._free.put(found)


@router.post(
    "/plans",
    status_code=202,
    summary="Submit a plan: all of its cancellations, or none",
    response_description="Accepted: all of its cancellations are in the ledger.",
    responses={
        200: {"model": PlanReceipt, "description": "What a dry run found."},
        202: {
            "model": PlanReceipt,
            "headers": {
                "Location": {
                    "description": "The address of the plan.",
                    "schema": {"type": "string"},
                }
            },
        },
        **problems(413),
        **problems(403, 422, model="PlanRefusal"),
    },
    openapi_extra=BODY,
)
async def submit(
    request: Request,
    caller: LimitedSubmitter,
    dry_run: Annotated[
        bool, Query(description="Store nothing, and show what would be submitted.")
    ] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answers 202 only after the ledger has committed the plan and its cancellations.

    If anything is wrong, nothing is stored: `faults` has a sentence for each fault. A
    plan that was submitted before, with the same key and steps, is a `duplicate`.
    """
    del idempotency_key
    body = _checked(await read_json(request))
    keyed = with_header_key(body, request)
    wish = PlanWish(*(keyed.get(name) for name in FIELDS))
    taken = await run_in_threadpool(_submit, request, wish, caller, dry_run)
    if taken.receipt is Receipt.REFUSED:
        raise _refusal(taken, by_header=keyed is not body)
    return _receipt(taken, dry_run)


@router.get(
    "/plan-templates",
    summary="The plans that may be submitted",
    responses={200: {"model": PlanTemplates}},
)
def list_templates(request: Request, caller: Reader) -> Response:
    """Of a token with limits, the plans of which every step may be within them."""
    context: ApiContext = request.app.state.context
    found = plans_within(context.templates, caller.limits)
    return JSON({"templates": [template_document(one) for one in found]})


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _wrong('The body must be {"plan": "NAME", "input": {...}}.')
    unknown = [name for name in body if name not in FIELDS]
    if unknown:
        shown = field_name(unknown[0])
        where = pointer([shown]) if shown == unknown[0] else ""
        says = f"{shown}: no such field; the fields are {', '.join(FIELDS)}."
        raise _wrong(says, where)
    return body


def _wrong(says: str, param: str = "") -> ProblemError:
    code = ProblemCode.INVALID_BODY
    return ProblemError(400, "invalid-request", says, code=code, param=param)


def _submit(
    request: Request, wish: PlanWish, caller: Token, dry_run: bool
) -> PlanTaken:
    state = request.app.state
    context: ApiContext = state.context
    actions: PlanActions = state.plan_actions
    templates, rates = context.templates, state.entry_rates
    _count(rates, caller, len(templates.steps_of(wish.plan)))
    trace = from_headers(request.headers)
    sender = Sender(caller.actor, caller.limits, context.callbacks, trace)
    known = (context.ledger(), context.accounts, context.seal, templates)
    with actions.one() as listed:
        taken = submit_plan(
            *known,
            wish,
            datetime.now(UTC),
            sender=sender,
            listed=listed,
            dry_run=dry_run,
        )
    if not dry_run:
        context.notifier.notify(lanes_to_notify(taken.taken))
    return taken


def _count(rates: EntryRates, caller: Token, steps: int) -> None:
    rates.count(caller.name, max(steps, 1))


def _receipt(taken: PlanTaken, dry_run: bool) -> Response:
    document: Mapping[str, Any] = as_document(taken, with_entries=dry_run)
    if dry_run:
        return JSON(document)
    where = {"Location": f"/v1/plans/{taken.id}"}
    return JSON(document, status_code=202, headers=where)


def _refusal(taken: PlanTaken, *, by_header: bool) -> ProblemError:
    faults = faults_document(taken.faults)
    for one in faults:
        one["param"] = where_sent(one["param"], by_header=by_header)
    codes = {one.code for one in taken.faults}
    outside = RefusalCode.OUTSIDE_LIMITS in codes
    said = "; ".join(one.wrong for one in taken.faults[:MOST_SAID])
    return ProblemError(
        403 if outside else 422,
        "forbidden" if outside else "invalid-request",
        said,
        code=faults[0]["code"],
        param=faults[0]["param"],
        receipt=taken.receipt,
        faults=faults,
    )
