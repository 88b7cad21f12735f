"""Types and parsers of form fields."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form, Request

from rescind.config.times import parse_time
from rescind.dashboard.translation import _
from rescind.provider.outcomes import InvalidRequestError

Text = Annotated[str, Form()]
Texts = Annotated[list[str], Form()]


async def texts_of(request: Request) -> dict[str, str]:
    """The fields of a form whose names the route does not know; no files."""
    sent = await request.form()
    return {name: value for name, value in sent.items() if isinstance(value, str)}


def deadline_of(written: str, now: datetime) -> datetime | None:
    """The new deadline, or ``None`` if empty; raises ``InvalidRequestError``."""
    if not written.strip():
        return None
    try:
        found = parse_time(written, now)
    except ValueError as error:
        raise InvalidRequestError(
            _("The new deadline is wrong: %(why)s.", why=error)
        ) from None
    if found <= now:
        raise InvalidRequestError(_("The new deadline has passed: give a later time."))
    return found
