"""What a producer may say of a message beside its SID: the time it is planned for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from rescind.provider import Params


def read_time(text: str) -> datetime:
    """The time in ``text``, which has an offset, in UTC. Raises ``ValueError``."""
    try:
        found = datetime.fromisoformat(text)
        if found.utcoffset() is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("send_at must be a time with an offset: 2026-12-24T18:00:00Z")


def one_form(text: str) -> str:
    """``text`` in the form that all spellings of its time share."""
    return f"{read_time(text):%Y-%m-%dT%H:%M:%SZ}"


class TwilioParams(Params):
    send_at: Annotated[str, AfterValidator(one_form)] | None = Field(
        default=None,
        title="Planned for",
        description=(
            "The SendAt that the message was scheduled with. Twilio does not show it"
            " again. From then on no cancel is sent."
        ),
        examples=["2026-12-24T18:00:00Z"],
    )
