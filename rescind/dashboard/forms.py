"""Types and parsers of form fields."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form

from rescind.config.times import parse_time
from rescind.dashboard.translation import _
from rescind.provider.outcomes import InvalidRequestError

Text = Annotated[str, Form()]
Texts = Annotated[list[str], Form()]


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
