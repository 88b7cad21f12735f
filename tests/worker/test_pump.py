"""A pump takes places in its lane's rate for its calls, and keeps no others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from ledger.database import open_ledger
from ledger.seal import Seal, new_key
from sandbox.client import running
from worker.books import Books
from worker.broker import REDIS_OPTIONS
from worker.intake import take_in
from worker.limits import Rates
from worker.pump import Pump
from worker.runtime import AccountsFile, Runtime
from worker.tokens import Tokens

LANE = ("akinon", "paced")
ACCOUNT = """
[akinon.paced]
token = "sandbox-token"
rate = "10/minute"
base_url = "{}"
"""


@pytest.fixture
def here(sqlite_ledger_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Runtime]:
    accounts, seal = tmp_path / "accounts.toml", Seal(new_key())
    engine = open_ledger(sqlite_ledger_url)
    with running() as sandbox, Redis.from_url(valkey_url) as client:
        accounts.write_text(ACCOUNT.format(sandbox.base_url("akinon")))
        yield Runtime(
            engine=engine,
            seal=seal,
            rates=Rates(valkey_url, REDIS_OPTIONS),
            tokens=Tokens(client, seal),
            accounts_file=AccountsFile(accounts),
            threads=ThreadPoolExecutor(8),
        )
    engine.dispose()


def test_a_rate_counts_the_calls_that_were_made_and_no_others(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"is_all": True, "reasons": {"101": 2}}
    entries = [
        {"provider": "akinon", "account": "paced", "order": f"7{n}", "params": params}
        for n in range(3)
    ]
    take_in(here.engine, here.accounts, here.seal, entries, datetime.now(UTC))
    # As if others had claimed what it saw waiting.
    monkeypatch.setattr(Books, "wanted", lambda _, room: room)
    config = here.accounts.lane(LANE)
    Pump(here, LANE, "cancel", config).run(lambda: True)
    here.threads.shutdown()
    assert here.rates.take(LANE, config.policy, 10).calls == 7
