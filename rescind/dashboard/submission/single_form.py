"""The form for one cancellation: its fields, and what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, Lane
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.config.times import parse_time
from rescind.dashboard.submission.browser_zone import zone_named
from rescind.dashboard.submission.param_fields import (
    PREFIX,
    FieldError,
    ParamField,
    check_each,
    named_lines,
    param_fields,
    read_params,
)
from rescind.dashboard.submission.waiting_fields import waiting_fields
from rescind.dashboard.translation import _
from rescind.intake.local_times import TIMES, time_of
from rescind.intake.validation import FIELDS, check, deadline_of_provider
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError

TEXTS = ("key", "group", "on_group_end")
PRESENT = timedelta(minutes=10)
"""How long a start time may have passed that a person chose as the present."""


@dataclass
class SingleForm:
    """A filled or empty form for one lane; ``written`` has the fields' texts."""

    lane: Lane
    written: Mapping[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    """A sentence for each wrong field, by its name; by ``""`` for the whole form."""
    within: Limits = EVERYTHING
    """The limits of the session that fills it in."""

    @property
    def provider(self) -> Provider[Any]:
        return BY_NAME[self.lane[0]]

    @property
    def params(self) -> list[ParamField]:
        return param_fields(self.provider)

    def entry(
        self, accounts: Accounts, now: datetime, callbacks: Callbacks = NO_CALLBACKS
    ) -> dict[str, Any]:
        """The entry for intake; fills ``wrong`` if the form cannot be submitted."""
        entry: dict[str, Any] = {"provider": self.lane[0], "account": self.lane[1]}
        entry |= {name: self._text(name) for name in ("order", *TEXTS)}
        entry |= {name: self._time(name) for name in TIMES}
        entry |= waiting_fields(self.written)
        given = {**entry, "params": self._params(), "metadata": self._metadata()}
        self._check_order(given)
        if not self.wrong:
            self._check_rest(given, accounts, now, callbacks)
        return given

    def _text(self, name: str) -> str | None:
        return self.written.get(name, "").strip() or None

    def _time(self, name: str) -> str | None:
        text, zone = self._text(name), self.written.get("zone", "")
        if text is None:
            return None
        try:
            return time_of(name, text, zone_named(zone))
        except ValueError as error:
            self.wrong[name] = f"{name} {error}"
            return None

    def _params(self) -> dict[str, Any]:
        values, wrong = read_params(self.params, self.written)
        found = {**check_each(self.provider, values), **wrong}
        self.wrong |= {PREFIX + n if n else n: said for n, said in found.items()}
        return values

    def _metadata(self) -> dict[str, str]:
        try:
            return named_lines(self.written.get("metadata", ""))
        except FieldError as error:
            self.wrong["metadata"] = str(error)
            return {}

    def _check_order(self, entry: Mapping[str, Any]) -> None:
        try:
            self.provider.check_order(entry["order"])
        except InvalidRequestError as error:
            self.wrong["order"] = str(error)

    def _check_rest(
        self,
        entry: Mapping[str, Any],
        accounts: Accounts,
        now: datetime,
        callbacks: Callbacks,
    ) -> None:
        """Check what is left: each wrong field is named, then checked no more."""
        left = dict(entry)
        while True:
            try:
                check(left, accounts, now, callbacks, self.within)
                break
            except InvalidRequestError as error:
                where = _field_of(str(error))
                self.wrong[where] = str(error)
                if left.pop(where, None) is None:
                    break
                if where == "after":
                    left.pop("only_if", None)
        if self.wrong:
            return
        late = why_late(entry, now)
        if late is not None:
            self.wrong["cancel_before"] = late
        elif begins_at_once(entry, now - PRESENT):
            # A wrong date: nobody sees a preview of a single order.
            self.wrong["not_before"] = _(
                "not_before has passed: leave it empty to send at once"
            )


def _field_of(sentence: str) -> str:
    """The field that a sentence of ``validation.check`` begins with, or ``""``."""
    first = sentence.split(" ", 1)[0].rstrip(":")
    return first if first in FIELDS else ""


def why_late(entry: Mapping[str, Any], now: datetime) -> str | None:
    """Why nothing would be sent for an entry that is otherwise good: its deadline, or
    its provider's, has passed. ``None`` if neither has."""
    if _has_passed(entry, "cancel_before", now):
        return _("cancel_before has passed")
    until = deadline_of_provider(entry)
    if until is not None and until <= now:
        return _("the provider no longer cancels it")
    return None


def begins_at_once(entry: Mapping[str, Any], now: datetime) -> bool:
    """Whether the entry has a start time that has passed."""
    return _has_passed(entry, "not_before", now)


def _has_passed(entry: Mapping[str, Any], name: str, now: datetime) -> bool:
    try:
        return parse_time(entry.get(name), now) <= now
    except ValueError:
        return False
