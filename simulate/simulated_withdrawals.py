"""Producers that withdraw orders, at any moment of a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine as Ledger

from chaos.taken_back import Withdrawals
from rescind.intake.validation import check
from simulate.simulated_accounts import accounts


class SimulatedWithdrawals(Withdrawals):
    """Withdraws the cancellations of entries, and notes each in the world's trace."""

    def __init__(self, ledger: Ledger, note: Callable[[str], None]) -> None:
        super().__init__(ledger)
        self._note = note

    def withdraw_entry(self, entry: Mapping[str, Any], at: float) -> None:
        """Withdraw the cancellation of this entry, at a time in seconds."""
        now = datetime.fromtimestamp(at, UTC)
        name = "/".join(path_of(entry, now))
        told = self.withdraw(name, now)
        self._note(f"a producer withdraws {name}, and is told: {told}")


def path_of(entry: Mapping[str, Any], now: datetime) -> tuple[str, str, str]:
    """The provider, account and key of an entry."""
    others = ("ref", "after", "only_if", "not_before", "cancel_before")
    lasting = {k: v for k, v in entry.items() if k not in others}
    checked = check(lasting, accounts(), now)
    return checked.provider.name, checked.account, checked.key
