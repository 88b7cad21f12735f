"""Types and parsers of form fields."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form

from rescind.config.times import parse_time
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
        raise InvalidRequestError(f"The new deadline {error}.") from None
    if found <= now:
        raise InvalidRequestError("The new deadline has passed: give a later time.")
    return found
