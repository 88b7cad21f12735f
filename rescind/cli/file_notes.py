"""What ``rescind submit`` reads of a file in a way of which it tells its user."""

from __future__ import annotations

from rescind.errors import messages
from rescind.errors.reported import CommandError
from rescind.intake.files.file_rows import Document
from rescind.intake.files.file_times import FileTimes

WITHOUT_ZONE = (
    "name the time zone of the file, such as --timezone Europe/Istanbul, or write ISO"
    " 8601 with an offset, such as 2026-11-20T18:00:00+03:00"
)


def times_in(timezone: str | None) -> FileTimes:
    """The reader of times without an offset; ``CommandError`` for an unknown zone."""
    from rescind.schedules.moments import parse_zone

    if timezone is None:
        return FileTimes(None, WITHOUT_ZONE)
    try:
        return FileTimes(parse_zone(timezone))
    except ValueError as error:
        raise CommandError(f"--{error}", problem="time-wrong") from None


def say_encoding(document: Document) -> None:
    if document.turkish:
        messages.say(
            "the file is not UTF-8: it was read as Windows-1254, as Turkish Excel"
            " writes it"
        )


def say_days(times: FileTimes) -> None:
    if times.has_days:
        messages.say(
            f"a day without a time is a whole day in {times.zone}: cancel_before is its"
            " end, 23:59:59, and not_before is its beginning"
        )
