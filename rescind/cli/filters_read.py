"""Reads the values of filters that several lists have."""

from __future__ import annotations

from rescind.config.actors import read_actors
from rescind.errors.reported import CommandError
from rescind.intake.values import past_or_future_time
from rescind.ledger.storage.milliseconds import to_ms


def period_of(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The first ms of a period and the first ms after it; raises ``CommandError``."""
    begin = past_or_future_time(since, "--since")
    end = past_or_future_time(until, "--until")
    if begin and end and end <= begin:
        why = "--until must be later than --since"
        raise CommandError(why, problem="time-wrong")
    return to_ms(begin), to_ms(end)


def actors_of(by: str | None) -> tuple[str, ...]:
    """The actors that ``by`` may mean, none without it; raises ``CommandError``."""
    try:
        return () if by is None else read_actors(by)
    except ValueError as error:
        raise CommandError(f"--by {error}") from None
