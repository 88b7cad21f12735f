"""A world's ledger that is restored from an older copy, and then reconciled."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sqlalchemy import Engine

from rescind.operations.reconciliation import reconcile
from simulate.memory_ledger import raw
from simulate.simulated_accounts import accounts

BY = "cli:operator"


class LedgerRestore:
    """Keeps a copy of the ledger, and puts it back."""

    def __init__(self, ledger: Engine) -> None:
        self._ledger = ledger
        self._copy = sqlite3.connect(":memory:")

    def copy(self) -> None:
        with self._ledger.connect() as connection:
            raw(connection).backup(self._copy)

    def put_back(self, now: datetime) -> None:
        """Do what the runbook says. No worker is at work."""
        with self._ledger.connect() as connection:
            self._copy.backup(raw(connection))
        self._copy.close()
        reconcile(self._ledger, accounts(), now, None, lambda _marked: None, by=BY)
