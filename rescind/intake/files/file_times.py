"""The times in the rows of a file that have no offset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from rescind.intake.files.file_rows import Row
from rescind.intake.local_times import TIMES, is_day, is_local, time_of


@dataclass
class FileTimes:
    """Gives the times of rows their offset."""

    zone: tzinfo | None
    """The zone of times without an offset; without one, they are refused."""
    without_zone: str = ""
    """What to do about such a time if there is no zone."""
    has_days: bool = False
    """Whether a row that was read has a day without a time."""

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows``, of which those are wrong that have a time that does not exist."""
        for row in rows:
            if row.wrong is None and isinstance(row.entry, dict):
                yield self._row(row, row.entry)
            else:
                yield row

    def _row(self, row: Row, entry: Mapping[str, object]) -> Row:
        times = {n: v for n in TIMES if isinstance(v := entry.get(n), str)}
        read = dict[str, str]()
        for name, written in times.items():
            try:
                read[name] = self._time(name, written)
            except ValueError as error:
                return Row(row.line, entry, f"{name} {error}")
        return Row(row.line, {**entry, **read})

    def _time(self, name: str, written: str) -> str:
        if self.zone is None:
            if is_local(written):
                raise ValueError(
                    f"{written} has no offset from UTC: {self.without_zone}"
                )
            return written
        self.has_days |= is_day(written)
        return time_of(name, written, self.zone)
