"""Opens the ledger that a URL names; reports in a sentence why it cannot."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError

from rescind.config.home import make_private_folder
from rescind.config.path_ownership import check_ours
from rescind.config.settings import Settings, SettingsError
from rescind.ledger.storage.transactions import open_ledger

REPLICA_SECONDS = "2"
"""How long to wait for a connection to the replica: the primary can answer instead."""


def opened(url: str, name: str = "RESCIND_DATABASE_URL") -> Engine:
    """The engine of the ledger at ``url``, not connected; raises ``SettingsError``.

    ``name`` is the setting that holds the URL.
    """
    try:
        return open_ledger(url)
    except ArgumentError:
        says = (
            f"{name} is not the URL of a database: it must be such as"
            " postgresql+psycopg://user:password@host/name"
        )
    except ValueError as error:
        says = str(error).replace("RESCIND_DATABASE_URL", name)
    raise SettingsError(says, "database-url")


def open_engine(chosen: Settings) -> Engine:
    """The engine of the configured ledger, not connected; raises ``SettingsError``."""
    if chosen.embedded_database:
        make_private_folder(chosen.home)
        check_ours(chosen.ledger_file)
    return opened(chosen.database)


def open_replica(chosen: Settings) -> Engine | None:
    """The engine of the replica for lists, if one is set; raises ``SettingsError``."""
    if chosen.replica is None:
        return None
    engine = opened(chosen.replica, name := "RESCIND_DATABASE_REPLICA_URL")
    ledger = opened(chosen.database)
    if {engine.dialect.name, ledger.dialect.name} != {"postgresql"}:
        says = f"{name} must name a replica of a ledger on PostgreSQL"
        raise SettingsError(says, "database-url")
    if "connect_timeout" in engine.url.query:
        return engine
    url = engine.url.update_query_dict({"connect_timeout": REPLICA_SECONDS})
    return opened(url.render_as_string(hide_password=False), name)
