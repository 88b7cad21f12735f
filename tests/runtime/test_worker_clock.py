"""A worker on a machine whose clock is wrong, with a real ledger and real calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine

from rescind.config.accounts import load_accounts
from rescind.config.queues import REDIS_OPTIONS
from rescind.engine.ledger_clock import clock_of
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Rates
from rescind.intake.submissions import take_in
from rescind.ledger.reading.queries import find, history
from rescind.ledger.seal import new_key
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.provider.system_clock import SystemClock
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.host import Host
from rescind.runtime.resources import AccountsFile, LoggingSeal, Runtime
from rescind.sandbox import running
from tests.engine.waiting import until
from tests.ledger.build import BY

HOUR = timedelta(hours=1)
LANE = ("akinon", "default")
ENTRY = {
    "provider": "akinon",
    "order": "71",
    "params": {"is_all": True, "reasons": {"101": 2}},
}


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Path]:
    """An account with a rate, at a simulated provider that cancels at once."""
    file = tmp_path / "accounts.toml"
    with running(settle=0.0) as sandbox:
        sandbox.seed("akinon", "71", "approved", instant=True)
        file.write_text(
            f'[akinon.default]\ntoken = "sandbox-token"\nrate = "50/minute"\n'
            f'base_url = "{sandbox.base_url("akinon")}"\n'
        )
        file.chmod(0o600)
        yield file


@contextmanager
def worker(ledger: Engine, accounts: Path, valkey_url: str) -> Iterator[Host]:
    clock, seal = clock_of(ledger), LoggingSeal(new_key())
    jobs: dict[str, BackgroundJob] = {}
    with Redis.from_url(valkey_url) as client:
        rates = Rates(valkey_url, REDIS_OPTIONS, clock)
        known = (seal, rates, Tokens(client, seal), AccountsFile(accounts), clock)
        host = Host(Runtime(ledger, *known), lambda _: jobs)
        try:
            yield host
        finally:
            host.stop()
            host.join()


def moves(ledger: Engine) -> list[tuple[str, datetime]]:
    """The states of the order, each with when it was entered."""
    with reading(ledger) as connection:
        row = find(connection, "akinon/default/71")
        assert row is not None
        whole = history(connection, row.id)
    return [(one["to"], datetime.fromisoformat(one["at"])) for one in whole]


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["slow", "fast"])
def test_a_machine_whose_clock_is_an_hour_wrong_calls_and_records_the_true_times(
    ahead: timedelta,
    postgres_ledger_url: str,
    valkey_url: str,
    accounts: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, began = open_ledger(postgres_ledger_url), datetime.now(UTC)
    seal = LoggingSeal(new_key())
    take_in(ledger, load_accounts(accounts), seal, [ENTRY], began, by=BY)
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + ahead)
    with worker(ledger, accounts, valkey_url) as host:
        host.engine.notify([(LANE, "cancel")])
        until(lambda: moves(ledger)[-1][0] == "cancelled", "the call")
    found = moves(ledger)
    assert [state for state, _ in found] == ["queued", "sending", "cancelled"]
    assert all(abs(at - began) < HOUR / 2 for _, at in found)
    ledger.dispose()
