"""Resends notifications to producers, and records who asked for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine

from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject, record_action, subject_of
from rescind.ledger.deliveries.store import (
    last_given_up,
    oldest_given_up,
    resend,
    resend_given_up_of,
)
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.action_log import log_action
from rescind.operations.actions import found

_WEBHOOK_ID = re.compile(r"msg_([^_]+)_\d+(?:_[0-9a-f-]{36})?")


def resend_all_of(engine: Engine, name: str, now: datetime, *, by: str) -> int:
    """Resend all notifications of one cancellation; returns how many.

    ``name`` is a webhook's id, a cancellation's id, or provider/account/key. Raises
    ``UnknownError``. ``by`` is the actor, here and below.
    """
    webhook = _WEBHOOK_ID.fullmatch(name)
    with writing(engine) as connection:
        row = found(connection, webhook[1] if webhook else name)
        count = resend(connection, row.id, now)
        subject = _recorded(connection, [row.id], count, now, by)
    return _logged(subject, count, by)


def resend_given_up(
    engine: Engine, ids: Sequence[str], now: datetime, *, by: str
) -> int:
    """Resend the notifications of these cancellations that were given up; returns how
    many."""
    return _resend(engine, lambda _connection: ids, now, by)


def resend_all_given_up(
    engine: Engine, now: datetime, most: float = math.inf, *, by: str
) -> int:
    """Resend about ``most`` notifications that were given up before this call; some in
    each transaction. Returns how many."""
    with reading(engine) as connection:
        last = last_given_up(connection)
    if last is None:
        return 0
    count = 0
    # Not those given up during this call, or it might never end.
    oldest = partial(oldest_given_up, until=last)
    while count < most and (some := _resend(engine, oldest, now, by)):
        count += some
    return count


def _resend(
    engine: Engine,
    chosen: Callable[[Connection], Sequence[str]],
    now: datetime,
    by: str,
) -> int:
    with writing(engine) as connection:
        ids = chosen(connection)
        count = resend_given_up_of(connection, ids, now)
        subject = _recorded(connection, ids, count, now, by)
    return _logged(subject, count, by)


def _recorded(
    connection: Connection, ids: Sequence[str], count: int, now: datetime, by: str
) -> Subject:
    """Record the action, if it does anything."""
    rows = rows_of(connection, list(dict.fromkeys(ids))) if count else []
    about = [((row.provider, row.account), row.id) for row in rows]
    subject = subject_of(about, count)
    if count:
        record_action(connection, by, Action.RESEND, subject, now)
    return subject


def _logged(subject: Subject, count: int, by: str) -> int:
    if count:
        log_action(by, Action.RESEND, subject)
    return count
