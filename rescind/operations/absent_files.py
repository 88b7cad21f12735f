"""Finds which files and values of the settings do not exist yet; makes none."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from rescind.config.home import OWN_KEY
from rescind.config.settings import Settings, SettingsError


def absent_settings(chosen: Settings) -> dict[str, str]:
    """The settings whose file does not exist, or that have no value yet."""
    files = {
        "RESCIND_HOME": chosen.home,
        "RESCIND_DATABASE_URL": ledger_file(chosen),
        "RESCIND_ACCOUNTS": chosen.accounts,
        "RESCIND_SCHEDULES": chosen.schedules,
        "RESCIND_PLANS": chosen.plans,
    }
    found = {
        name: "it does not exist"
        for name, path in files.items()
        if path is not None and not path.exists()
    }
    if key_is_missing(chosen):
        found["RESCIND_SEAL_KEY"] = "it is made at the first use"
    if _redis_is_unknown(chosen):
        found["RESCIND_REDIS_URL"] = "it does not run, or was not started here"
    return found


def ledger_file(chosen: Settings) -> Path | None:
    """The file of a ledger on SQLite; ``None`` if it is on a server."""
    try:
        url = make_url(chosen.database)
    except ArgumentError:
        return None
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def key_is_missing(chosen: Settings) -> bool:
    """Whether the key of the embedded ledger was not made yet."""
    given = chosen.seal_key is not None and chosen.seal_key.get_secret_value()
    made = (chosen.home / OWN_KEY).exists()
    return chosen.embedded_database and not given and not made


def _redis_is_unknown(chosen: Settings) -> bool:
    try:
        _ = chosen.redis
    except SettingsError as error:
        return error.problem == "redis-unknown"
    return False
