"""Builds the FastAPI app: the HTTP API and the dashboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from rescind.api import (
    action_routes,
    cancellation_lists,
    cancellation_routes,
    delivery_routes,
    document_route,
    event_routes,
    group_models,
    health,
    lane_routes,
    operation_models,
    plan_decision_routes,
    plan_models,
    plan_receipt_models,
    plan_routes,
    plan_submission_routes,
    problem_pages,
    response_models,
    submission_routes,
    withdrawal_routes,
)
from rescind.api.api_context import ApiContext
from rescind.api.budgets import Budgets
from rescind.api.cached_check import CachedCheck
from rescind.api.callers import Callers
from rescind.api.content_encodings import ContentEncodings
from rescind.api.entry_rates import EntryRates
from rescind.api.group_commit import Actors, Entries, Intake, Traces
from rescind.api.middleware import Guard
from rescind.api.openapi import REFERENCE, describe, product_version
from rescind.api.problem_details import add_handlers, ledger_unreachable
from rescind.api.request_context import RequestContext
from rescind.config.access_tokens import ENTRY_RATE, rate_of
from rescind.dashboard.routes import router as dashboard
from rescind.intake.receipts import Taken
from rescind.intake.submissions import take_in
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.telemetry.shared_collection import SharedCollection

THREADS = 12
"""Reading requests at once: fewer than the ledger's connections, to leave one for
intake."""


def create_app(context: ApiContext) -> FastAPI:
    """The HTTP API and the dashboard; raises ``SettingsError`` for a wrong rate."""
    app = FastAPI(
        title="Rescind",
        version=product_version(),
        # FastAPI's documentation pages load scripts from other sites.
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.context = context
    app.state.callers = Callers(context.access, rate_of(context.settings.api_rate))
    app.state.entry_rates = EntryRates(
        rate_of(context.settings.api_entry_rate, ENTRY_RATE)
    )
    app.state.intake = Intake(partial(_take_in, context, SubmissionActions()))
    app.state.plan_actions = plan_submission_routes.PlanActions()
    app.state.event_intake = event_routes.EventIntake()
    app.state.budgets = Budgets()
    app.state.metrics = SharedCollection()
    app.state.alive = CachedCheck(health.alive, health.redis_unreachable)
    app.state.readiness = health.Readiness()
    app.state.ready = CachedCheck(app.state.readiness.ready, ledger_unreachable)
    for module in (
        submission_routes,
        cancellation_routes,
        plan_decision_routes,
        plan_routes,
        plan_submission_routes,
        withdrawal_routes,
        cancellation_lists,
        lane_routes,
        delivery_routes,
        action_routes,
        event_routes,
        health,
        problem_pages,
        document_route,
    ):
        app.include_router(module.router)
    app.include_router(dashboard, include_in_schema=False)
    add_handlers(app)
    # The last one is the outermost.
    app.add_middleware(ContentEncodings)
    app.add_middleware(Guard, budgets=app.state.budgets)
    app.add_middleware(RequestContext)
    describe(app, _problem_schemas())
    return app


def _take_in(
    context: ApiContext,
    listed: SubmissionActions,
    entries: Entries,
    traces: Traces,
    actors: Actors,
) -> list[Taken]:
    known = (context.ledger(), context.accounts, context.seal)
    more = (datetime.now(UTC), context.callbacks, traces)
    return take_in(*known, entries, *more, by=actors, listed=listed)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    app.state.context.show_life()
    yield
    app.state.intake.close()
    app.state.context.close()


def _problem_schemas() -> dict[str, Any]:
    """The schemas that the routes name by reference."""
    named = [
        (response_models.Problem, "serialization"),
        (response_models.Refusal, "serialization"),
        (group_models.GroupEnd, "serialization"),
        (plan_models.PlanEnd, "serialization"),
        (operation_models.TestEvent, "serialization"),
        (plan_receipt_models.PlanRefusal, "serialization"),
    ]
    _, found = models_json_schema(named, ref_template=REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = found["$defs"]
    return schemas
