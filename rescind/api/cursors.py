"""Cursors: opaque texts that say where the next page of a list begins."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Query

from rescind.api.problem_details import ProblemError
from rescind.api.query_parameters import invalid_parameter
from rescind.browse.updates import Place as Change
from rescind.ledger.deliveries.delivery_queries import Place, place_in, written

MOST_LISTED = 1000
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Cursor = Annotated[str | None, Query(max_length=200)]

_BEFORE = re.compile(r"1:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_CHANGED = re.compile(r"3:([0-9]{1,15}):([0-9a-f-]{36})")
_BEHIND = re.compile(r"2:([a-z_]*):(.+)")


def after(last_id: str) -> str:
    """The cursor of the rows that are older than the row with this id."""
    return _written(f"1:{last_id}")


def before(cursor: str | None) -> str | None:
    """The id before which a page begins; raises ``ProblemError`` for a wrong cursor.

    The id is only compared, so a forged cursor reveals nothing that is not allowed.
    """
    return None if cursor is None else _read(cursor, _BEFORE)[1]


def after_change(place: Change) -> str:
    """The cursor of the rows that were changed after ``place``."""
    return _written(f"3:{place.updated_at}:{place.id}")


def changes(cursor: str | None, since: int) -> Change:
    """The place after which a page of changes begins; raises ``ProblemError``."""
    if cursor is None:
        # The ids sort after the empty text: changes at that very time are listed.
        return Change(since)
    found = _read(cursor, _CHANGED)
    return Change(int(found[1]), found[2])


def after_place(state: str | None, place: Place) -> str:
    """The cursor of the deliveries that follow ``place`` in the list of a state."""
    return _written(f"2:{state or ''}:{written(place)}")


def behind(cursor: str | None, state: str | None) -> Place | None:
    """The place after which a page begins; raises ``ProblemError``.

    A cursor of another list is refused.
    """
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
        "cursor: send the value of `next` from an earlier answer, with the same"
        " filters, or send none"
    )
    return invalid_parameter("cursor", says)
