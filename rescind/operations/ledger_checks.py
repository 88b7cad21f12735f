"""The checks of `rescind doctor` that concern the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.reading.predecessors import waiting_for_failed, waiting_for_missing
from rescind.ledger.seal import Seal, SealError
from rescind.ledger.storage import clock_skew
from rescind.ledger.storage.migrate import check
from rescind.ledger.storage.schema_check import unfinished
from rescind.ledger.storage.tables import CANCELLATION, SEALED
from rescind.ledger.storage.transactions import LedgerUnreachableError, ping, reading
from rescind.ledger.storage.unreachable import (
    LedgerFullError,
    LedgerVersionError,
    shown,
)
from rescind.ledger.storage.write_check import check_writes
from rescind.operations.findings import CLOCK_SECONDS, Check, Level, clock_check

C = CANCELLATION.c
WAITING_AT_MOST = 1_000
"""The number of waiting cancellations to count."""
SEALED_AT_MOST = 2_000
"""The number of sealed rows to try: a key rotation may have been interrupted."""
ALL_SEALED = select(C.sealed).where(text(SEALED))
# The full order of the index: PostgreSQL does not know that all NULLs sort alike.
NEWEST_SEALED = ALL_SEALED.order_by(C.finished_at.desc(), C.id.desc())
OPEN_SEALED = NEWEST_SEALED.where(C.finished_at.is_(None))
ENDED_SEALED = NEWEST_SEALED.where(C.finished_at.is_not(None))


def ledger_checks(engine: Engine, seal: Seal | None) -> Iterator[Check]:
    """Checks that the ledger answers, accepts writes, has our version, and decrypts
    with our key."""
    where = shown(engine)
    try:
        ping(engine)
        check(engine)
        left = unfinished(engine)
        server, ahead = _ledger_clock(engine), _ahead(engine)
        sealed, stalled = _sealed(engine), _stalled(engine)
        waiting, missing = _waiting_for_persons(engine)
        check_writes(engine)
    except LedgerVersionError as error:
        yield Check("ledger", Level.WRONG, str(error), "ledger-version")
        return
    except LedgerFullError as error:
        yield Check("ledger", Level.UNREACHABLE, str(error), "disk-full")
        return
    except (LedgerUnreachableError, SQLAlchemyError, OSError) as error:
        known = isinstance(error, LedgerUnreachableError)
        says = str(error) if known else f"{where} cannot be used: {_first_line(error)}"
        yield Check("ledger", Level.UNREACHABLE, says, "ledger-unreachable")
        return
    yield _upgraded(where, left)
    if engine.dialect.name == "postgresql":
        yield _server(engine)
    if server is not None:
        yield clock_check("ledger clock", server)
    yield _not_set_back(ahead)
    yield from (_stands_still(lane, since) for lane, since in stalled.items())
    if waiting:
        yield _waits_for_failed(waiting)
    if missing:
        yield _waits_for_missing(missing)
    if seal is not None and sealed:
        yield _opens(seal, sealed)


def _upgraded(where: str, left: Sequence[str]) -> Check:
    if not left:
        return Check("ledger", Level.OK, f"{where} is up to date")
    says = (
        f"{where} still has what older versions need ({', '.join(left)}): when none of"
        " them runs, run `rescind migrate --finish`"
    )
    return Check("ledger", Level.WARNING, says, "upgrade-unfinished")


def _stalled(engine: Engine) -> dict[tuple[str, str], datetime]:
    with reading(engine) as connection:
        return stalled_lanes(connection)


def _stands_still(lane: tuple[str, str], since: datetime) -> Check:
    says = (
        "it stands still: orders are due, it is neither held nor paused, and no call"
        f" was made since {since.isoformat(timespec='seconds')}; see the workers' log"
    )
    return Check(f"lane {'/'.join(lane)}", Level.WRONG, says, "lane-stalled")


def _waiting_for_persons(
    engine: Engine,
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    with reading(engine) as connection:
        failed = waiting_for_failed(connection, WAITING_AT_MOST)
        return failed, waiting_for_missing(connection, WAITING_AT_MOST)


def _waits_for_failed(waiting: Mapping[str, Sequence[str]]) -> Check:
    named = ", ".join(list(waiting)[:5])
    says = (
        f"{_waits(waiting)} for others that have failed, such as {named}: retry those,"
        " or decide for what waits (`rescind release`, `rescind skip`)"
    )
    return Check("plans", Level.WARNING, says, "waits-for-failed")


def _waits_for_missing(waiting: Mapping[str, Sequence[str]]) -> Check:
    named = ", ".join([one for some in waiting.values() for one in some][:5])
    says = (
        f"{_waits(waiting)} for others that are not in the ledger any more, such as"
        f" {named}: decide for what waits (`rescind release`, `rescind skip`)"
    )
    return Check("plans", Level.WARNING, says, "waits-for-failed")


def _waits(waiting: Mapping[str, Sequence[str]]) -> str:
    number = len({one for some in waiting.values() for one in some})
    more = " or more" if sum(map(len, waiting.values())) == WAITING_AT_MOST else ""
    one = number == 1 and not more
    return "1 cancellation waits" if one else f"{number}{more} cancellations wait"


def _ahead(engine: Engine) -> float:
    with reading(engine) as connection:
        return clock_skew.ahead(connection, datetime.now(UTC)).total_seconds()


def _not_set_back(ahead: float) -> Check:
    if ahead > CLOCK_SECONDS:
        says = (
            f"it was set back: the newest cancellation is {ahead:.0f} s in the future."
            " Scheduled work waits longer by this time: set the clock right (NTP)"
        )
        return Check("clock", Level.WRONG, says, "clock")
    return Check("clock", Level.OK, "no time in the ledger is in the future")


def _ledger_clock(engine: Engine) -> float | None:
    """Seconds that the database's clock is ahead; ``None`` for SQLite."""
    if engine.dialect.name != "postgresql":
        return None
    with reading(engine) as connection:
        now = connection.execute(select(func.clock_timestamp())).scalar_one()
    return float(now.timestamp() - time.time())


def _server(engine: Engine) -> Check:
    """The version of PostgreSQL, and whether a pooler stands before it."""
    with reading(engine) as connection:
        raw: Any = connection.connection.dbapi_connection
        version = connection.execute(text("SHOW server_version")).scalar_one()
    way = ", through a pooler that lends each transaction a session"
    says = f"PostgreSQL {str(version).split()[0]}{way if raw.is_pooled else ''}"
    return Check("ledger server", Level.OK, says)


def _sealed(engine: Engine) -> Sequence[str]:
    """Sealed data: of open cancellations first, then of ended ones, newest first."""
    with reading(engine) as connection:
        found = _some_sealed(connection, OPEN_SEALED, SEALED_AT_MOST)
        rest = SEALED_AT_MOST - len(found)
        return [*found, *_some_sealed(connection, ENDED_SEALED, rest)]


def _some_sealed(connection: Connection, chosen: Select[Any], most: int) -> list[str]:
    return list(connection.execute(chosen.limit(most)).scalars())


def _opens(seal: Seal, sealed: Sequence[str]) -> Check:
    shut, why = 0, ""
    for one in sealed:
        try:
            seal.open(one)
        except SealError as error:
            shut, why = shut + 1, str(error)
    if not shut:
        return Check("sealed data", Level.OK, "RESCIND_SEAL_KEY decrypts it")
    says = f"{why} ({shut} of the latest {len(sealed)}: they wait, and are not sent)"
    return Check("sealed data", Level.WRONG, says, "sealed-data")


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]
