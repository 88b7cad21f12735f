"""The router with all of the dashboard's pages."""

from __future__ import annotations

from fastapi import APIRouter

from rescind.dashboard import (
    event_stream,
    lane_actions,
    lists,
    notifications_page,
    openid_sign_in,
    order_page,
    overview,
    retry_pages,
    schedules_page,
    sign_in,
    static_files,
    undelivered,
    workers_page,
)

router = APIRouter()
for part in (
    overview,
    lists,
    order_page,
    lane_actions,
    retry_pages,
    sign_in,
    openid_sign_in,
    event_stream,
    static_files,
    undelivered,
    notifications_page,
    schedules_page,
    workers_page,
):
    router.include_router(part.router)
