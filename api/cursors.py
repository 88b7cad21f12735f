"""Cursors: where the next page of a list begins, in a form that nobody builds on."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from api.problems import ProblemError

_BEFORE = re.compile(r"1:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def after(last_id: str) -> str:
    """The cursor of what is older than the row of that id."""
    return urlsafe_b64encode(f"1:{last_id}".encode()).decode().rstrip("=")


def before(cursor: str | None) -> str | None:
    """The id that a page begins before; raises ``ProblemError`` for no cursor of ours.

    It is only compared with: one that was made up finds nothing that is not allowed.
    """
    if cursor is None:
        return None
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        text = urlsafe_b64decode(padded.encode("ascii")).decode("ascii")
    except (binascii.Error, UnicodeError):
        text = ""
    found = _BEFORE.fullmatch(text)
    if found is None:
        says = "cursor: give what `next` of a former answer said, or none"
        raise ProblemError(422, "invalid-request", says)
    return found[1]
