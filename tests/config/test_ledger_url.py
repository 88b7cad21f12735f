"""The URL of the ledger's replica."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from rescind.config.ledger_url import open_replica
from rescind.config.settings import Settings, SettingsError

POSTGRES = "postgresql://user:hush@host/rescind"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings_with(ledger: str | None, replica: str | None) -> Settings:
    return Settings(
        database_url=None if ledger is None else SecretStr(ledger),
        database_replica_url=None if replica is None else SecretStr(replica),
    )


@pytest.mark.parametrize(
    ("ledger", "replica"),
    [
        (None, POSTGRES),
        (POSTGRES, "sqlite:///copy.db"),
        (POSTGRES, "mysql://user:hush@host/rescind"),
        (POSTGRES, "hush"),
        (POSTGRES, f"{POSTGRES}?sslmod=require"),
    ],
)
def test_only_a_ledger_on_postgresql_has_a_replica(
    ledger: str | None, replica: str
) -> None:
    with pytest.raises(SettingsError, match="RESCIND_DATABASE_REPLICA_URL") as refused:
        open_replica(settings_with(ledger, replica))
    assert "hush" not in str(refused.value)


def test_without_the_setting_there_is_no_replica() -> None:
    assert open_replica(settings_with(POSTGRES, None)) is None
    assert open_replica(settings_with(POSTGRES, "")) is None


@pytest.mark.parametrize(("query", "seconds"), [("", "2"), ("?connect_timeout=9", "9")])
def test_a_replica_is_waited_for_only_shortly(query: str, seconds: str) -> None:
    engine = open_replica(settings_with(POSTGRES, f"{POSTGRES}{query}"))
    assert engine is not None
    assert engine.url.query["connect_timeout"] == seconds
    assert engine.url.password == "hush"
