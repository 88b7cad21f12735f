"""Lists are read from a replica of the ledger, or from the primary if it cannot serve.

What decides something reads the primary. A list may be a little old, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from rescind.ledger.storage.transactions import reading
from rescind.ledger.storage.unreachable import LedgerUnreachableError

MOST_BEHIND = 30.0
"""Seconds. A replica that is further behind is not read."""
LOOK_SECONDS = 1.0
"""How long a look at the replica holds."""
AGAIN_SECONDS = 5.0
"""How long a replica that could not be used is left alone."""
ANSWER_SECONDS = 2.0
"""The longest wait for the replica to say how far it is."""
_OF_PRIMARY = text("""
SELECT CAST(pg_current_wal_lsn() AS text) AS written,
  (SELECT system_identifier FROM pg_control_system()) AS cluster,
  current_database() AS name, (SELECT version_num FROM alembic_version) AS version
""")
_OF_REPLICA = text("""
SELECT pg_is_in_recovery() AS follows,
  pg_last_wal_replay_lsn() >= CAST(:written AS pg_lsn) AS has_all,
  EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS since,
  (SELECT system_identifier FROM pg_control_system()) AS cluster,
  current_database() AS name, (SELECT version_num FROM alembic_version) AS version
""")
T = TypeVar("T")


class ReplicaUnusableError(RuntimeError):
    """The replica cannot be read now; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was read, and how old it may be."""

    value: T
    age: float | None = None
    """Seconds that the replica was behind; ``None`` if the primary was read."""


def behind(primary: Engine, replica: Engine) -> float:
    """Seconds that ``replica`` is behind ``primary``: 0 if it has all of its writes.

    On a primary that writes little, this is the time since its last commit that the
    replica has. Raises ``ReplicaUnusableError`` for a server that is no replica of this
    ledger, and ``LedgerUnreachableError`` if one of the two cannot be reached.
    """
    try:
        with reading(primary, ANSWER_SECONDS) as connection:
            there = connection.execute(_OF_PRIMARY).one()
        with reading(replica, ANSWER_SECONDS) as connection:
            here = connection.execute(_OF_REPLICA, {"written": there.written}).one()
    except DBAPIError as error:
        says = f"it cannot be asked how far it is: {_first_line(error)}"
        raise ReplicaUnusableError(says) from error
    if not here.follows:
        raise ReplicaUnusableError("it is no streaming replica: it takes writes itself")
    if (here.cluster, here.name) != (there.cluster, there.name):
        raise ReplicaUnusableError("it is the replica of another database")
    if here.version != there.version:
        raise ReplicaUnusableError("it has not replayed the latest migration yet")
    return 0.0 if here.has_all else max(0.0, float(here.since or 0.0))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


class Lists:
    """Answers questions for lists. Safe for threads."""

    def __init__(
        self,
        primary: Callable[[], Engine],
        replica: Engine | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``primary`` may raise ``LedgerUnreachableError``."""
        self._primary = primary
        self._replica = replica
        self._clock = clock
        self._lock = Lock()
        self._behind: float | None = None
        self._look_again_at = clock()

    def read(
        self,
        question: Callable[[Connection], T],
        lacking: Callable[[T], bool] = lambda _: False,
    ) -> Answer[T]:
        """The answer of one transaction, which may be asked twice.

        If the replica's answer is ``lacking``, the primary is asked, too. Raises
        ``LedgerUnreachableError`` if neither can answer.
        """
        found = self._from_replica(question)
        if found is not None and not lacking(found.value):
            return found
        with reading(self._primary()) as connection:
            return Answer(question(connection))

    def close(self) -> None:
        if self._replica is not None:
            self._replica.dispose()

    def _from_replica(self, question: Callable[[Connection], T]) -> Answer[T] | None:
        if self._replica is None:
            return None
        age = self._age(self._replica)
        if age is None:
            return None
        try:
            with reading(self._replica) as connection:
                return Answer(question(connection), age)
        except LedgerUnreachableError:
            self._found(None)
            return None

    def _age(self, replica: Engine) -> float | None:
        """Seconds that the replica is behind; ``None`` if it is not to be read."""
        with self._lock:
            if self._clock() < self._look_again_at:
                return self._behind
            # Other threads go by what was known until this look has ended.
            self._look_again_at = self._clock() + AGAIN_SECONDS
        self._found(self._looked(replica))
        return self._behind

    def _looked(self, replica: Engine) -> float | None:
        primary = self._primary()
        try:
            found = behind(primary, replica)
        except (LedgerUnreachableError, ReplicaUnusableError):
            return None
        return found if found <= MOST_BEHIND else None

    def _found(self, age: float | None) -> None:
        wait = AGAIN_SECONDS if age is None else LOOK_SECONDS
        with self._lock:
            self._behind, self._look_again_at = age, self._clock() + wait
