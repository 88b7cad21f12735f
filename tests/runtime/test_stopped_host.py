"""The threads of a worker that stops: none of them counts as hanging."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine

from rescind.config.queues import REDIS_OPTIONS
from rescind.engine.ledger_clock import clock_of
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Rates
from rescind.engine.watchdog import Watched, hanging
from rescind.ledger.seal import new_key
from rescind.runtime import host as host_module
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.host import Host
from rescind.runtime.resources import AccountsFile, LoggingSeal, Runtime


class SeenWatchdog:
    """What the watchdog of a host would look at."""

    looked: Callable[[], Iterable[Watched]]

    def __init__(
        self, watched: Callable[[], Iterable[Watched]], _: Callable[[str], None]
    ) -> None:
        SeenWatchdog.looked = watched

    def stop(self) -> None:
        """It never began."""


def test_no_thread_of_a_host_that_stops_counts_as_ended_by_a_fault(
    engine: Engine, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "Watchdog", SeenWatchdog)
    clock, seal = clock_of(engine), LoggingSeal(new_key())
    job = BackgroundJob("sweep", lambda: None, 5.0)
    with Redis.from_url(valkey_url) as client:
        rates = Rates(valkey_url, REDIS_OPTIONS, clock)
        accounts = AccountsFile(tmp_path / "accounts.toml")
        known = (seal, rates, Tokens(client, seal), accounts, clock)
        host = Host(Runtime(engine, *known), lambda _: {"sweep": job})
        assert hanging(SeenWatchdog.looked(), time.monotonic()) is None
        host.stop()
        host.join()
        assert not job.alive
        assert hanging(SeenWatchdog.looked(), time.monotonic()) is None
