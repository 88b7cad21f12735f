"""Tests of the settings from the environment and ``.env``."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from rescind.config.settings import Settings, SettingsError, settings, without_password
from rescind.ledger.seal import SealError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RESCIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()


def test_defaults() -> None:
    found = Settings()
    assert found.home == Path(".rescind")
    assert found.accounts == Path("accounts.toml")
    assert found.embedded_redis
    assert found.embedded_database
    assert found.database == f"sqlite:///{Path('.rescind').resolve()}/ledger.db"


def test_the_environment_wins_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("RESCIND_HOME=there\nRESCIND_ACCOUNTS=mine.toml\n")
    monkeypatch.setenv("RESCIND_HOME", "here")
    assert Settings().home == Path("here")
    assert Settings().accounts == Path("mine.toml")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "REDIS_URL", "DATABASE_URL", "ACCOUNTS", "SEAL_KEY"):
        monkeypatch.setenv(f"RESCIND_{name}", "")
    assert Settings().home == Path(".rescind")
    assert Settings().accounts == Path("accounts.toml")
    assert Settings().embedded_redis
    assert Settings().embedded_database


def test_without_a_redis_the_error_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"set RESCIND_REDIS_URL, or start"):
        _ = Settings().redis


def test_another_ledger_needs_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", "postgresql+psycopg://h/x")
    with pytest.raises(SealError, match="RESCIND_SEAL_KEY is not set: make a key"):
        Settings().seal()


def test_webhooks_are_signed_by_all_secrets_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = f"whsec_{'A' * 32}", f"whsec_{'B' * 44}"
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f" {first},\n{second} ")
    assert Settings().webhook_secrets.general == (first, second)
    assert Settings().callbacks.secrets
    assert first not in repr(Settings())


@pytest.mark.parametrize(
    "secret",
    ["hush-hush", "whsec_", f"whsec_{'A' * 28}", f"whsec_{'A' * 92}", "whsec_ü"],
)
def test_an_invalid_webhook_secret_is_refused_and_not_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"whsec_{'A' * 32},{secret}")
    with pytest.raises(
        SettingsError, match="SECRET, number 2: must be whsec_"
    ) as error:
        settings()
    assert "hush" not in str(error.value)
    assert "AAAA" not in str(error.value)


def test_an_invalid_host_is_named_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "shop.example.com, https://x.y")
    with pytest.raises(
        SettingsError, match=r"RESCIND_WEBHOOK_HOSTS: 'https://x\.y' is"
    ):
        settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "DATABASE_URL", "SEAL_KEY", "API_TOKENS"):
        monkeypatch.setenv(f"RESCIND_{name}", "hush-hush")
    assert "hush" not in repr(Settings())


def test_a_wrong_retention_of_refused_entries_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings().keep_refused_for == timedelta(days=30)
    settings.cache_clear()
    monkeypatch.setenv("RESCIND_REFUSED_RETENTION", "soon")
    with pytest.raises(SettingsError, match="RESCIND_REFUSED_RETENTION 'soon' must be"):
        settings()


def test_an_env_file_that_is_not_utf8() -> None:
    Path(".env").write_bytes(b"RESCIND_HOME=\xff")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        settings()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:p%40ss@h:1/0", "redis://:***@h:1/0"),
        ("postgresql+psycopg://u:p@h/x?a=1", "postgresql+psycopg://u:***@h/x?a=1"),
        ("postgresql://h/x?user=u&password=p&a=1", "postgresql://h/x?user=u&password=***&a=1"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("redis://h:1", "redis://h:1"),
        ("redis://[p", "***"),
    ],
)  # fmt: skip
def test_urls_are_shown_without_their_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
