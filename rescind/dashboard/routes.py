"""The router with all of the dashboard's pages."""

from __future__ import annotations

from fastapi import APIRouter

from rescind.dashboard import (
    csv_export,
    event_stream,
    lane_actions,
    lists,
    openid_sign_in,
    order_page,
    overview,
    retry_pages,
    sign_in,
    static_files,
    statistics_page,
    undelivered,
)

router = APIRouter()
for part in (
    csv_export,
    overview,
    lists,
    order_page,
    lane_actions,
    retry_pages,
    sign_in,
    openid_sign_in,
    event_stream,
    static_files,
    statistics_page,
    undelivered,
):
    router.include_router(part.router)
