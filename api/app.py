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

from api import (
    cancellations,
    documents,
    health,
    lanes,
    pages,
    submissions,
    webhooks,
)
from api.callers import Callers
from api.front import Front
from api.guard import Guard
from api.intake import Entries, Intake, Traces
from api.openapi import REFERENCE, describe, product_version
from api.problems import add_handlers, ledger_unreachable
from desk.routes import router as desk
from worker.access import rate_of
from worker.intake import Taken, take_in

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
    for room in (submissions, cancellations, lanes, webhooks, health, pages):
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
    named = [(documents.Problem, "serialization"), (documents.Refusal, "serialization")]
    _, found = models_json_schema(named, ref_template=REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = found["$defs"]
    return schemas
