"""The providers whose cancellations can be listed: installed ones, and former ones."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from providers.registry import BROKEN, BY_NAME, provider_named
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.reading.backlogs import busy_lanes
from rescind.ledger.storage.transactions import reading


def known_providers(connection: Connection) -> list[str]:
    """Every provider that is installed or that ever had work, sorted."""
    lanes = {*all_lanes(connection), *busy_lanes(connection)}
    return sorted({*BY_NAME, *BROKEN, *(provider for provider, _ in lanes)})


def check_known(engine: Engine, name: str) -> None:
    """Raises ``InvalidRequestError`` for a name that no installed provider has, and
    that no lane of the ledger has."""
    if name in BY_NAME or name in BROKEN:
        return
    with reading(engine) as connection:
        if name in known_providers(connection):
            return
    provider_named(name)
