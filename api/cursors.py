"""Cursors: where the next page of a list begins, in a form that nobody builds on."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from api.problems import ProblemError
from ledger.told import ORDERED_BY_TIME, Place

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BEFORE = re.compile(f"1:({_ID})")
_BEHIND = re.compile(
    rf"2:([a-z_]*):((?:\d{{1,15}}:)?)({_ID}):(\d{{1,15}}):(task|webhook)"
)


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
    return _written(":".join(["2", state or "", *map(str, place)]))


def behind(cursor: str | None, state: str | None) -> Place | None:
    """The place that a page begins behind, in the list that the cursor is of."""
    if cursor is None:
        return None
    of, at, id_, seq, kind = _read(cursor, _BEHIND).groups()
    if of != (state or "") or bool(at) != (of in ORDERED_BY_TIME):
        raise _no_cursor()
    moment = [int(at[:-1])] if at else []
    return (*moment, id_, int(seq), kind)


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
