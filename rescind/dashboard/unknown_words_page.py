"""The page of the providers' words that no vocabulary knows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from rescind.browse.unknown_word_listing import as_words, unknown_words
from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.page_guard import DashboardRoute, Reader
from rescind.dashboard.rendering import page

SHOWN = 200
"""The most rows of the page."""

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/words")
def list_unknown_words(request: Request, who: Reader) -> Response:
    """What providers said that Rescind does not understand, the most frequent first."""
    del who
    rows: list[Row[Any]] = read_list(request, lambda c: unknown_words(c, SHOWN + 1))
    words = [as_words(row) for row in rows[:SHOWN]]
    return page(
        request, "unknown_words.html", unknown=words, more=len(rows) > SHOWN, most=SHOWN
    )
