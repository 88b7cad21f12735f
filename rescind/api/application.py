"""The app: all that answers by HTTP, put together."""

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
    cancellation_routes,
    delivery_routes,
    health,
    lane_routes,
    problem_pages,
    response_models,
    submission_routes,
)
from rescind.api.api_context import Front
from rescind.api.callers import Callers
from rescind.api.group_commit import Entries, Intake, Traces
from rescind.api.middleware import Guard
from rescind.api.openapi import REFERENCE, describe, product_version
from rescind.api.problem_details import add_handlers, ledger_unreachable
from rescind.config.access_tokens import rate_of
from rescind.dashboard.routes import router as desk
from rescind.intake.submissions import Taken, take_in

THREADS = 12
"""Readers at once: fewer than a ledger has connections, so that intake has one."""


def create_app(front: Front) -> FastAPI:
    """The door, and the desk; raises ``SettingsError`` for a wrong rate."""
    app = FastAPI(
        title="Rescind",
        version=product_version(),
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.front = front
    app.state.callers = Callers(front.access, rate_of(front.settings.api_rate))
    app.state.intake = Intake(partial(_take_in, front))
    app.state.alive = health.Remembered(health.alive, health.redis_unreachable)
    app.state.ready = health.Remembered(health.ready, ledger_unreachable)
    for room in (
        submission_routes,
        cancellation_routes,
        lane_routes,
        delivery_routes,
        health,
        problem_pages,
    ):
        app.include_router(room.router)
    app.include_router(desk, include_in_schema=False)
    add_handlers(app)
    app.add_middleware(Guard)
    describe(app, _problem_schemas())
    return app


def _take_in(front: Front, entries: Entries, traces: Traces) -> list[Taken]:
    known = (front.ledger(), front.accounts, front.seal)
    return take_in(*known, entries, datetime.now(UTC), front.callbacks, traces)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
    app.state.intake.close()
    app.state.front.close()


def _problem_schemas() -> dict[str, Any]:
    """Those that the routes name by reference."""
    named = [
        (response_models.Problem, "serialization"),
        (response_models.Refusal, "serialization"),
    ]
    _, found = models_json_schema(named, ref_template=REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = found["$defs"]
    return schemas
