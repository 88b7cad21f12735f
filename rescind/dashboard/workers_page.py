"""The page of the workers: each process, and its last sign of life."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from redis import RedisError

from rescind.config.settings import SettingsError
from rescind.dashboard.page_guard import DashboardRoute, Reader, TheDashboard
from rescind.dashboard.rendering import page
from rescind.telemetry.worker_records import LATE, WorkerRecord, records

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/workers")
def list_workers(request: Request, dashboard: TheDashboard, who: Reader) -> Response:
    """Every process of the last hour, with its version and load."""
    del who
    now, found, away = dashboard.now(), list[WorkerRecord](), False
    try:
        found = records(dashboard.context.redis, now)
    except (RedisError, SettingsError):
        away = True
    alive = [one for one in found if now - one.seen_at <= LATE]
    return page(
        request,
        "workers.html",
        workers=found,
        alive=alive,
        versions=sorted({one.version for one in alive}),
        away=away,
    )
