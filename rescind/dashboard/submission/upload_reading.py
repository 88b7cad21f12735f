"""Reads an uploaded file of cancellations within the bounds of the page."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from rescind.dashboard.formatting import number_of
from rescind.dashboard.page_guard import RefusedError
from rescind.dashboard.translation import _
from rescind.intake.files.column_names import RESULTS
from rescind.intake.files.file_reading import parse_written
from rescind.intake.files.file_rows import FileError, Limits, Row, with_defaults
from rescind.intake.files.file_times import FileTimes

MOST_ROWS = 10_000
"""The most cancellations in an uploaded file."""
LIMITS = Limits(unpacked=16 * 1024 * 1024, lines=2 * MOST_ROWS)
"""The bounds of an uploaded file; empty lines count, too."""
WAIT_SECONDS = 10.0
_turn = threading.Semaphore(1)
"""One file is read at a time: reading takes a core for seconds."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The rows of a file, and whether its encoding was guessed."""

    name: str
    rows: list[Row]
    turkish: bool = False
    """Whether the file was read as Windows-1254."""
    has_results: bool = False
    """Whether it has columns of a file of results, which are not read."""
    has_days: bool = False
    """Whether it has a time that is a day."""
    zone: str = "UTC"
    """The time zone of its times without an offset."""


@dataclass(frozen=True, slots=True)
class FormFields:
    """What the form gives for all rows of a file."""

    zone: ZoneInfo
    """For times without an offset."""
    defaults: Mapping[str, str]
    """The values of fields, for rows without one."""


def read_upload(data: bytes, name: str, form: FormFields) -> ReadFile:
    """The rows of an uploaded file; raises ``FileError`` or ``RefusedError``."""
    if not _turn.acquire(timeout=WAIT_SECONDS):
        raise RefusedError(_("Another file is being read: try again in a minute."), 503)
    try:
        found = parse_written(data, name, LIMITS)
        whole = with_defaults(found.rows, **form.defaults)
        rows = list(islice(whole, MOST_ROWS + 1))
    finally:
        _turn.release()
    if len(rows) > MOST_ROWS:
        most = number_of(MOST_ROWS)
        raise FileError(
            _(
                "%(name)s has more than %(most)s orders: split it",
                name=name,
                most=most,
            )
        )
    has_results = not RESULTS.keys().isdisjoint(found.header)
    times = FileTimes(form.zone)
    read = list(times.rows(rows))
    return ReadFile(
        name, read, found.turkish, has_results, times.has_days, form.zone.key
    )
