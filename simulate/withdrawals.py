"""Producers and operators that withdraw orders, at any moment of a world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine as Ledger

from rescind.demo.facts import LedgerRow, Offence
from rescind.intake.validation import check
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.ledger.states import State
from rescind.operations.actions import UnknownError
from rescind.operations.withdrawal import withdraw
from simulate.simulated_accounts import accounts


class Withdrawals:
    """Withdraws orders, and remembers what it was told."""

    def __init__(self, ledger: Ledger, note: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._note = note
        self.withdrawn: set[str] = set()
        """The ids of those that the ledger said are withdrawn."""

    def withdraw(self, entry: Mapping[str, Any], at: float) -> None:
        """Withdraw the cancellation of this entry, at a time in seconds."""
        now = datetime.fromtimestamp(at, UTC)
        name = "/".join(path_of(entry, now))
        try:
            row = withdraw(self._ledger, name, now, "a producer")
        except UnknownError:
            told = "it is not in the ledger"
        except NotWithdrawableError as error:
            told = error.problem
        else:
            told = "done"
            self.withdrawn.add(row.id)
        self._note(f"a producer withdraws {name}: {told}")

    def offences(self, rows: Iterable[LedgerRow]) -> Iterator[Offence]:
        """Rows that are withdrawn although no one was told so, and the reverse."""
        for row in rows:
            told = row["id"] in self.withdrawn
            if told != (row["state"] == State.WITHDRAWN):
                said = "withdrawn" if told else "anything but withdrawn"
                why = f"the producer was told {said}, and it is {row['state']}"
                yield Offence(row["provider"], row["order"], why)


def path_of(entry: Mapping[str, Any], now: datetime) -> tuple[str, str, str]:
    """The provider, account and key of an entry."""
    lasting = {k: v for k, v in entry.items() if not k.endswith("_before")}
    checked = check(lasting, accounts(), now)
    return checked.provider.name, checked.account, checked.key
