"""Parses times and ages that users and producers write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FIRST_YEAR, LAST_YEAR = 1971, 9000
MOMENT = "ISO 8601 with an offset, such as 2026-11-20T18:00:00+03:00"
FORM = f"{MOMENT}, or relative: +15m"
SERIAL = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
LIKE_A_DATE = re.compile(r"(\d{1,4}([./-])\d{1,2}\2\d{1,4}).*", re.ASCII)
OF_THE_FORM = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
TWO_WAYS = "does not show whether the day or the month comes first"
NO_DAY = "names a day or a time that does not exist"
OF_A_SPREADSHEET = (
    "is the number by which a spreadsheet keeps a date: format its column as Text"
)


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse_age(text: str) -> timedelta:
    """The duration ``text``, such as ``365d``; ``ValueError`` with a sentence."""
    found = re.fullmatch(r"(\d{1,5})([smhd])", text.strip())
    if found is None:
        raise ValueError("must be a number of days, such as 365d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def parse_time(value: object, now: datetime) -> datetime:
    """``value`` as an aware time in UTC; raises ``ValueError`` with a sentence."""
    if not isinstance(value, str):
        raise ValueError(f"must be {FORM}")  # noqa: TRY004  (one kind for callers)
    relative = re.fullmatch(r"\+(\d{1,6})([smhd])", value.strip())
    if relative:
        return now + timedelta(seconds=int(relative[1]) * _UNITS[relative[2]])
    return parse_moment(value, FORM)


def parse_moment(text: str, form: str = MOMENT) -> datetime:
    """``text``, which is not relative, as an aware time in UTC.

    Raises ``ValueError`` with a sentence, which says that it must be ``form``.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        if SERIAL.fullmatch(text.strip()):
            raise ValueError(f"{OF_A_SPREADSHEET}, and write it as {form}") from None
        raise ValueError(_why_no_moment(text.strip(), form)) from None
    if moment.tzinfo is None:
        raise ValueError(f"has no offset from UTC: it must be {form}")
    # Outside these years, the ledger's milliseconds cannot be read back as a time.
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC)


def _why_no_moment(text: str, form: str) -> str:
    found = LIKE_A_DATE.fullmatch(text)
    if found is None or (_is_day(found[1]) and not OF_THE_FORM.fullmatch(text)):
        return f"must be {form}"
    why = TWO_WAYS if "/" in found[1] else NO_DAY
    return f"{why}: write it as {form}"


def _is_day(text: str) -> bool:
    """Whether it is a day that exists, also in an order that we do not read."""
    for order in ("%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d"):
        try:
            datetime.strptime(text, order)  # noqa: DTZ007  (only whether it exists)
        except ValueError:
            continue
        return True
    return False
