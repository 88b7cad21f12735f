"""The router with all of the dashboard's pages."""

from __future__ import annotations

from fastapi import APIRouter

from rescind.dashboard import (
    activity,
    csv_export,
    event_stream,
    group_page,
    language_choice,
    lists,
    notifications_page,
    openid_sign_in,
    order_page,
    overview,
    plan_pages,
    result_pages,
    schedules_page,
    sign_in,
    static_files,
    statistics_page,
    undelivered,
    unknown_words_page,
    workbook_export,
    workers_page,
)
from rescind.dashboard.bulk import lane_actions, order_actions
from rescind.dashboard.submission import (
    file_pages,
    plan_submission_pages,
    result_files,
    sample_file,
    submit_page,
)

router = APIRouter()
for part in (
    csv_export,
    workbook_export,
    overview,
    lists,
    group_page,
    order_page,
    plan_pages,
    sign_in,
    language_choice,
    openid_sign_in,
    event_stream,
    static_files,
    statistics_page,
    undelivered,
    notifications_page,
    schedules_page,
    workers_page,
    unknown_words_page,
    activity,
    submit_page,
    plan_submission_pages,
    result_files,
    file_pages,
    sample_file,
    result_pages,
    order_actions,
    lane_actions,
):
    router.include_router(part.router)
router.include_router(file_pages.upload_router)
