"""Reads lists for pages: from the replica of the ledger, if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from sqlalchemy import Connection

from rescind.dashboard.page_context import dashboard_of

NOTED_SECONDS = 1.0
"""A list that may be older than this says so."""
T = TypeVar("T")


def read_list(
    request: Request,
    question: Callable[[Connection], T],
    lacking: Callable[[T], bool] = lambda _: False,
) -> T:
    """The answer of one transaction; the page says how old it may be.

    If the replica's answer is ``lacking``, the primary's is taken.
    """
    found = dashboard_of(request).context.lists.read(question, lacking)
    request.state.list_age = found.age
    return found.value


def noted_age(request: Request) -> float | None:
    """Seconds that the page's list may be old, if that is worth a note."""
    age: float | None = getattr(request.state, "list_age", None)
    return age if age is not None and age >= NOTED_SECONDS else None
