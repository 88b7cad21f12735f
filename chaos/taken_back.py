"""Producers that withdraw what waits, and the check of what they were told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from random import Random

from sqlalchemy import Engine

from chaos.fault_plan import Plan
from chaos.producers import Start
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.times import utc_now
from rescind.demo.facts import LedgerRow, Offence
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.operations.actions import UnknownError
from rescind.operations.withdrawal import withdraw
from rescind.provider.outcomes import Reason

EVERY_SECONDS = 1.0
AT_ONCE = 2
WAITS = (State.QUEUED, State.SCHEDULED, State.SENDING)
"""The states of those that a producer tries to withdraw: it may come too late."""


class Withdrawals:
    """Withdraws cancellations, and remembers what the ledger said."""

    def __init__(self, ledger: Engine) -> None:
        self._ledger = ledger
        self.withdrawn: set[str] = set()
        """The ids of those that the ledger said are withdrawn."""
        self.refused = 0
        self._unknown: set[str] = set()
        """Those for which no answer came: they may be withdrawn or not."""

    def withdraw(self, name: str, now: datetime) -> str:
        """Withdraw one, by its id or path; returns what the producer is told."""
        try:
            row = withdraw(self._ledger, name, now, by="a producer")
        except UnknownError:
            return "it is not in the ledger"
        except NotWithdrawableError as error:
            self.refused += 1
            return error.problem
        except LedgerUnreachableError:
            self._unknown.add(name)
            return "nothing"
        self.withdrawn.add(row.id)
        return "done"

    def offences(self, rows: Iterable[LedgerRow]) -> Iterator[Offence]:
        """Rows that are withdrawn although no producer was told so, and the reverse."""
        for row in rows:
            if row["reason"] == Reason.NOT_WANTED:
                # No producer asked for that.
                continue
            told = row["id"] in self.withdrawn
            known = told or row["id"] not in self._unknown
            if known and told != (row["state"] == State.WITHDRAWN):
                said = "that it is withdrawn" if told else "no such thing"
                why = f"its producer was told {said}, and it is {row['state']}"
                yield Offence(row["provider"], row["order"], why)


def withdraw_now_and_then(
    ledger: Engine, done: Withdrawals, plan: Plan, began: Start
) -> None:
    """Withdraw some cancellations from time to time, until the last submission."""
    random = Random(plan.seed)  # noqa: S311
    while (left := plan.scale.seconds - began.passed()) > 0:
        time.sleep(min(left, EVERY_SECONDS))
        for one in _some_that_wait(ledger, random):
            done.withdraw(one, utc_now())


def _some_that_wait(ledger: Engine, random: Random) -> Sequence[str]:
    try:
        with reading(ledger) as connection:
            rows = list_rows(connection, Wanted(states=WAITS), 100)
    except LedgerUnreachableError:
        return ()
    return [row.id for row in random.sample(rows, min(AT_ONCE, len(rows)))]
