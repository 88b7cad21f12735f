"""The router with all of the dashboard's pages."""

from __future__ import annotations

from fastapi import APIRouter

from rescind.dashboard import (
    activity,
    event_stream,
    lane_actions,
    lists,
    openid_sign_in,
    order_page,
    overview,
    retry_pages,
    sign_in,
    static_files,
    undelivered,
    withdraw_pages,
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
    withdraw_pages,
    activity,
):
    router.include_router(part.router)
