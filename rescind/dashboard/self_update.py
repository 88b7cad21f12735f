"""Pages that update themselves while what they show is open.

The page asks for itself again, and names what it shows. If that is still so, the answer
is empty: nothing is replaced under the reader's hands, and little is sent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response

from rescind.dashboard.formatting import as_moment

QUICK, SLOW = 2, 10
"""Seconds between two updates: while something has just changed, and later."""
JUST = timedelta(minutes=1)
HEADER = "x-shown"


@dataclass(frozen=True, slots=True)
class SelfUpdate:
    """How often a page asks for itself, and what it shows now."""

    seconds: int
    mark: str

    @property
    def trigger(self) -> str:
        """When the page asks for itself, for htmx."""
        return f"every {self.seconds}s"

    @property
    def headers(self) -> str:
        """The headers with which the page asks for itself, for htmx."""
        return json.dumps({HEADER: self.mark})


def self_update(changed: object, now: datetime, *shown: object) -> SelfUpdate:
    """The update of a page that shows ``shown``, which last changed at ``changed``."""
    latest = as_moment(changed) if isinstance(changed, str | int | datetime) else None
    is_new = latest is not None and now - latest < JUST
    seconds = QUICK if is_new else SLOW
    whole = repr((seconds, shown)).encode()
    return SelfUpdate(seconds, hashlib.sha256(whole).hexdigest()[:16])


def unchanged(request: Request, update: SelfUpdate | None) -> Response | None:
    """The empty answer to a page that shows what it would be given again."""
    if update is None or request.headers.get(HEADER) != update.mark:
        return None
    return Response(status_code=204)
