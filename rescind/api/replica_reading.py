"""Reads lists for routes: from the replica of the ledger, if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from sqlalchemy import Connection

from rescind.api.cancellation_routes import context_of
from rescind.api.request_context import LIST_AGE

T = TypeVar("T")


def read_list(
    request: Request,
    question: Callable[[Connection], T],
    lacking: Callable[[T], bool] = lambda _: False,
) -> T:
    """The answer of one transaction.

    If the replica gave it, the response says how many seconds old it may be. If the
    replica's answer is ``lacking``, the primary's is taken.
    """
    found = context_of(request).lists.read(question, lacking)
    if found.age is not None:
        setattr(request.state, LIST_AGE, found.age)
    return found.value
