"""Parses values that users type: ``NAME=VALUE``, times, groups, lanes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from providers.registry import BY_NAME
from rescind.config.times import parse_moment, parse_time
from rescind.errors.reported import CommandError
from rescind.provider.text import fold

LONGEST_GROUP = 200
LONGEST_PROVIDER = 64
TRUTHS = {
    fold(word): truth
    for truth, words in {
        True: ("true", "doğru", "सत्य", "सही"),
        False: ("false", "yanlış", "असत्य", "गलत"),
    }.items()
    for word in words
}
"""Excel's words for true and false in English, Turkish and Hindi, after ``fold``."""


class RowError(ValueError):
    """One row of a file cannot be read."""


def no_constant(name: str) -> Any:
    """For ``json.loads``: refuse NaN and Infinity, which are not JSON."""
    raise ValueError(f"{name} is not a JSON number")


def read_json(text: str, what: str) -> Any:
    """``text`` parsed as JSON; raises ``RowError``, whose text begins with ``what``."""
    try:
        return json.loads(text, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise RowError(
            f"{what} is not JSON: {error.msg} at character {error.pos + 1}"
        ) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RowError(f"{what} is not JSON that can be kept: {why}") from None


def provider_in_any_case(written: object) -> object:
    """The provider's name, if ``written`` is one with other capitals; else as it is.

    Spreadsheets capitalise words, a Turkish one ``ithink`` as ``İthink``.
    """
    if not isinstance(written, str) or len(written) > LONGEST_PROVIDER:
        return written
    meant = [name for name in BY_NAME if fold(name) == fold(written)]
    return meant[0] if len(meant) == 1 else written


def param_value(provider: object, name: str, text: str) -> Any:
    """``text`` parsed as JSON if it is JSON, unless the parameter's type is a text."""
    known = _annotation(provider, name)
    if known is bool and fold(text) in TRUTHS:
        return TRUTHS[fold(text)]
    try:
        value = json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, str) or value is None:
        return value
    # 12.50 is a JSON number, but a text for a provider that takes amounts as text.
    return text if known in (str, str | None) else value


def _annotation(provider: object, name: str) -> object:
    """The type of a provider's parameter; ``None`` if it has no such parameter."""
    known = BY_NAME.get(provider) if isinstance(provider, str) else None
    found = known.params_model.model_fields.get(name) if known else None
    return found.annotation if found else None


def named_values(given: Sequence[str], option: str) -> dict[str, str]:
    """The values of a repeated ``NAME=VALUE`` option; raises ``CommandError``."""
    values: dict[str, str] = {}
    for one in given:
        match = re.fullmatch(r"([^=]+)=(.*)", one, re.S)
        if match is None:
            raise CommandError(f"{option} {one[:40]!r} must be NAME=VALUE")
        if match[1] in values:
            raise CommandError(f"{option} gives {match[1]} twice")
        values[match[1]] = match[2]
    return values


def check_times(not_before: str | None, cancel_before: str | None) -> None:
    """Raises ``CommandError`` if a time is wrong, has passed, or is out of order."""
    now = datetime.now(UTC)
    first = future_time(not_before, "--not-before", now)
    last = future_time(cancel_before, "--cancel-before", now)
    if first and last and last <= first:
        raise CommandError(
            "--cancel-before must be later than --not-before", problem="time-wrong"
        )


def future_time(value: str | None, option: str, now: datetime) -> datetime | None:
    """``value`` as a time in the future; raises ``CommandError``."""
    if value is None:
        return None
    try:
        moment = parse_time(value, now)
    except ValueError as error:
        raise CommandError(f"{option} {error}", problem="time-wrong") from None
    if moment <= now:
        why = f"{option} {value} has passed: give a time in the future"
        raise CommandError(why, problem="time-wrong")
    return moment


def past_or_future_time(value: str | None, option: str) -> datetime | None:
    """``value`` as a time, which cannot be relative; raises ``CommandError``."""
    if value is None:
        return None
    try:
        return parse_moment(value)
    except ValueError as error:
        raise CommandError(f"{option} {error}", problem="time-wrong") from None


def group_name(value: str | None) -> str | None:
    """A group's name; raises ``CommandError`` if it is not valid."""
    if value is None or (0 < len(value) <= LONGEST_GROUP and value.isprintable()):
        return value
    raise CommandError(f"--group must be 1 to {LONGEST_GROUP} printable characters")
