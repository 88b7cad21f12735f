"""Cursors: where the next page of a list begins, in a form that nobody builds on."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Query

from rescind.api.problem_details import ProblemError
from rescind.ledger.deliveries.delivery_queries import Place, place_in, written

MOST_LISTED = 1000
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Cursor = Annotated[str | None, Query(max_length=200)]

_BEFORE = re.compile(r"1:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_BEHIND = re.compile(r"2:([a-z_]*):(.+)")


def after(last_id: str) -> str:
    """The cursor of what is older than the row of that id."""
    return _written(f"1:{last_id}")


def before(cursor: str | None) -> str | None:
    """The id that a page begins before; raises ``ProblemError`` for no cursor of ours.

    It is only compared with: one that was made up finds nothing that is not allowed.
    """
    return None if cursor is None else _read(cursor, _BEFORE)[1]


def after_place(state: str | None, place: Place) -> str:
    """The cursor of what follows in the list of deliveries in that state."""
    return _written(f"2:{state or ''}:{written(place)}")


def behind(cursor: str | None, state: str | None) -> Place | None:
    """The place that a page begins behind, in the list that the cursor is of."""
    if cursor is None:
        return None
    found = _read(cursor, _BEHIND)
    place = place_in(state, found[2])
    if place is None or found[1] != (state or ""):
        raise _no_cursor()
    return place


def _written(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, form: re.Pattern[str]) -> re.Match[str]:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        text = urlsafe_b64decode(padded.encode("ascii")).decode("ascii")
    except (binascii.Error, UnicodeError):
        text = ""
    found = form.fullmatch(text)
    if found is None:
        raise _no_cursor()
    return found


def _no_cursor() -> ProblemError:
    says = (
        "cursor: give what `next` of a former answer said, with the same filters, or"
        " none"
    )
    return ProblemError(422, "invalid-request", says)
