"""Opens the ledger that a URL names; reports in a sentence why it cannot."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError

from rescind.config.home import make_private_folder
from rescind.config.path_ownership import check_ours
from rescind.config.settings import Settings, SettingsError
from rescind.ledger.storage.transactions import open_ledger


def opened(url: str) -> Engine:
    """The engine of the ledger at ``url``, not connected; raises ``SettingsError``."""
    try:
        return open_ledger(url)
    except ArgumentError:
        says = (
            "RESCIND_DATABASE_URL is not the URL of a database: it must be such as"
            " postgresql+psycopg://user:password@host/name"
        )
    except ValueError as error:
        says = str(error)
    raise SettingsError(says, "database-url")


def open_engine(chosen: Settings) -> Engine:
    """The engine of the configured ledger, not connected; raises ``SettingsError``."""
    if chosen.embedded_database:
        make_private_folder(chosen.home)
        check_ours(chosen.ledger_file)
    return opened(chosen.database)
