"""Values as people type them: ``NAME=VALUE``, times, groups, lanes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from providers.registry import BY_NAME
from rescind.config.times import parse_time
from rescind.errors.reported import CommandError
from rescind.provider.text import fold

LONGEST_GROUP = 200
TRUTHS = {
    fold(word): truth
    for truth, words in {
        True: ("true", "doğru", "सत्य", "सही"),
        False: ("false", "yanlış", "असत्य", "गलत"),
    }.items()
    for word in words
}
"""Excel's two words in English, Turkish and Hindi, as ``fold`` leaves them."""


class RowError(ValueError):
    """One row of a file cannot be read."""


def no_constant(name: str) -> Any:
    """For ``json.loads``: NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is no JSON number")


def read_json(text: str, what: str) -> Any:
    """``text`` as JSON; raises ``RowError``, which begins with ``what``."""
    try:
        return json.loads(text, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise RowError(
            f"{what} is not JSON: {error.msg} at character {error.pos + 1}"
        ) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RowError(f"{what} is not JSON that can be kept: {why}") from None


def param_value(provider: object, name: str, text: str) -> Any:
    """``text`` as JSON if it is JSON, unless the parameter itself is a text."""
    known = _annotation(provider, name)
    if known is bool and fold(text) in TRUTHS:
        return TRUTHS[fold(text)]
    try:
        value = json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, str) or value is None:
        return value
    # 12.50 is a JSON number and, for a provider that wants its amounts as text, a text.
    return text if known in (str, str | None) else value


def _annotation(provider: object, name: str) -> object:
    """The type of a provider's parameter, if there is such a one."""
    known = BY_NAME.get(provider) if isinstance(provider, str) else None
    found = known.params_model.model_fields.get(name) if known else None
    return found.annotation if found else None


def named_values(given: Sequence[str], option: str) -> dict[str, str]:
    """``K=V`` of an option given several times; raises ``CommandError``."""
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
    """Refuse times that have passed; raises ``CommandError`` in a sentence."""
    now = datetime.now(UTC)
    first = future_time(not_before, "--not-before", now)
    last = future_time(cancel_before, "--cancel-before", now)
    if first and last and last <= first:
        raise CommandError(
            "--cancel-before must be later than --not-before", problem="time-wrong"
        )


def future_time(value: str | None, option: str, now: datetime) -> datetime | None:
    """A time that is still to come; raises ``CommandError`` in a sentence."""
    if value is None:
        return None
    try:
        moment = parse_time(value, now)
    except ValueError as error:
        raise CommandError(f"{option} {error}", problem="time-wrong") from None
    if moment <= now:
        why = f"{option} {value} has passed: give a time that is to come"
        raise CommandError(why, problem="time-wrong")
    return moment


def group_name(value: str | None) -> str | None:
    """A group's name; raises ``CommandError`` for one that cannot be kept."""
    if value is None or (0 < len(value) <= LONGEST_GROUP and value.isprintable()):
        return value
    raise CommandError(f"--group must be 1 to {LONGEST_GROUP} printable characters")
