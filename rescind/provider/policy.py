"""How a provider is called, as data: batches, rates, timeouts, retries, polling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from rescind.provider.validation_errors import explain

LEAST_DOUBT = timedelta(seconds=30)
"""How long a call whose answer was lost may still take effect, unless a source says
otherwise. A reading that is believed sooner may contradict the later result."""
TOO_SHORT = (
    "poll_for longer than queued_for and active_trusted_after{}, because polling would"
    " end before a dropped cancel is known: each would end as failed (unresolved)"
)
TEN_YEARS = timedelta(days=3650)
RATE = re.compile(
    r"\s*[1-9][0-9]{0,8}\s*(?:/|per)\s*(?:[1-9][0-9]{0,5}\s*)?"
    r"(?:second|minute|hour|day|month|year)s?\s*"
)
"""Calls, and the time for which they are allowed: ``1/30 second``."""


class Policy(BaseModel):
    """How one provider is called, as data. Durations are seconds in accounts.toml.

    It is checked when it is made: a wrong number stops the import, not a later call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(default=1, ge=1, le=2000)
    """Orders in one cancel call."""
    read_batch: int = Field(default=1, ge=1, le=10_000)
    """Orders in one read-back call."""
    concurrency: int = Field(default=4, ge=1, le=256)
    """Calls at the same time, for each worker."""
    rate: str = "none"
    """Calls allowed to a lane, all workers together: ``90/minute`` or ``none``."""
    read_rate: str = "none"
    """Read-back calls allowed, within ``rate``."""
    connect_timeout: float = Field(default=5.0, gt=0, le=60)
    read_timeout: float = Field(default=20.0, gt=0, le=60)
    max_attempts: int = Field(default=5, ge=1)
    """Cancel calls in one round that may have reached the provider."""
    resend_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each next attempt; the last one repeats."""
    poll_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each read-back of an accepted cancel; the last one repeats."""
    poll_for: timedelta = timedelta(days=2)
    """Polling gives up this long after the provider accepted the cancel."""
    verify_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each read-back of an order whose state is unknown; the last one
    repeats."""
    verify_for: timedelta = timedelta(hours=6)
    """Verifying gives up this long after it began, or after the last read-back that
    showed the order."""
    repeatable: bool = False
    """Whether a cancel that may have worked may be sent again."""
    refusal_is_final: bool = True
    """Whether a clear refusal is final; else the order is read back first."""
    cancelled_may_vanish: bool = False
    """Whether the provider may answer "no such order" for an order we cancelled."""
    active_trusted_after: timedelta = timedelta(0)
    """How old our last call must be before "not cancelled" is believed."""
    queued_for: timedelta = timedelta(0)
    """How long the provider may show an order as active after it accepted the cancel.
    If it shows the order as active for longer, the cancel was dropped."""
    throttle_wait: timedelta = timedelta(seconds=30)
    """The lane's wait after a 429 that does not name one."""
    trip_after: int = Field(default=5, ge=1)
    """Failed calls in a row after which the whole lane backs off."""
    backoff: tuple[timedelta, ...] = Field(
        default=tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30, 60)), min_length=1
    )
    """The lane's pauses while the provider is down; the last one repeats."""
    probe_after: timedelta = timedelta(minutes=15)
    """One probe call is made on a held lane after this long."""
    give_up_after: timedelta = timedelta(days=3)
    """A cancellation that could never be sent fails this long after it was due.
    Readings that bring no answer end this long after they began."""

    @property
    def queues(self) -> bool:
        """Whether the provider may still act on a call after a reading that showed the
        order as active was believed."""
        return self.queued_for > self.active_trusted_after

    @property
    def taken_on_for(self) -> timedelta:
        """How long after it accepted a cancel the provider may still act on it."""
        return max(self.queued_for, self.active_trusted_after)

    @model_validator(mode="after")
    def _rates_can_be_read(self) -> Self:
        for name in ("rate", "read_rate"):
            value = getattr(self, name)
            if value != "none" and not RATE.fullmatch(value):
                raise ValueError(
                    f'{name} must be such as "90/minute" or "1/30 second", or "none"'
                )
        return self

    @model_validator(mode="after")
    def _durations_are_sane(self) -> Self:
        for name, value in self:
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, timedelta) and not timedelta(0) <= one <= TEN_YEARS:
                    raise ValueError(f"{name} must be from 0 seconds to ten years")
        return self

    def overridden(self, values: Mapping[str, Any]) -> Self:
        """This policy with some values replaced, or ``ValueError`` in one sentence."""
        try:
            return self.model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            raise ValueError(explain(error)) from None


def policy_fault(policy: Policy) -> str | None:
    """Why no provider may have ``policy``: the end of a sentence. ``None`` if one may.

    It could make our statements untrue, or leave each dropped cancel unresolved."""
    if policy.active_trusted_after < LEAST_DOUBT:
        return (
            "must have active_trusted_after of at least"
            f" {LEAST_DOUBT.total_seconds():.0f} s in its policy, because a call whose"
            " answer was lost may still take effect"
        )
    if policy.poll_for <= policy.taken_on_for:
        return f"must have {TOO_SHORT.format(' in its policy')}"
    return None


def override_fault(policy: Policy) -> str | None:
    """Why no account may have ``policy``: a sentence. ``None`` if one may."""
    if policy.poll_for <= policy.taken_on_for:
        longest = policy.taken_on_for.total_seconds()
        return f"must have {TOO_SHORT.format('')}. Set poll_for above {longest:.10g}"
    return None


def seconds(*values: float) -> tuple[timedelta, ...]:
    """A schedule given in seconds."""
    return tuple(timedelta(seconds=value) for value in values)
