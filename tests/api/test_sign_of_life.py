"""An API shows in Redis that it runs, so that no upgrade ends under it."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import SecretStr
from redis import Redis

from rescind.api.api_context import open_context
from rescind.config.times import utc_now
from rescind.telemetry.worker_records import API_KEY, WorkerRecord, records
from tests.api.conftest import settings_for
from tests.conftest import SHOW_LIFE


def test_an_api_shows_that_it_runs_until_it_stops(
    tmp_path: Path, valkey_url: str
) -> None:
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    chosen = settings_for(tmp_path, ledger, redis_url=SecretStr(valkey_url))
    context = open_context(chosen)
    with Redis.from_url(valkey_url) as client:
        SHOW_LIFE(context)
        [shown] = _first(client)
        assert shown.schema
        context.close()
        assert records(client, utc_now(), API_KEY) == []


def _first(client: Redis) -> list[WorkerRecord]:
    give_up = time.monotonic() + 60
    while not (found := records(client, utc_now(), API_KEY)):
        assert time.monotonic() < give_up, "no sign of life"
        time.sleep(0.01)
    return found
