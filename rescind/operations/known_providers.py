"""The providers whose cancellations can be listed: installed ones, and former ones."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from providers.registry import BROKEN, BY_NAME, provider_named
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.reading.backlogs import busy_lanes
from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.storage.tables import LISTED
from rescind.ledger.storage.transactions import reading


def known_providers(connection: Connection) -> list[str]:
    """Every provider that is installed or that ever had work, sorted.

    The names in refused entries, which may be any text, are not among them.
    """
    lanes = {*all_lanes(connection), *busy_lanes(connection)}
    return sorted({*BY_NAME, *BROKEN, *(provider for provider, _ in lanes)})


def check_known(engine: Engine, name: str) -> None:
    """Raises ``InvalidRequestError`` for a name that no installed provider has, and
    that no cancellation in the ledger has. Reads the ledger only if it has to."""
    if name in BY_NAME or name in BROKEN:
        return
    with reading(engine) as connection:
        lanes = {*lanes_in(connection, LISTED), *busy_lanes(connection)}
    if name not in {provider for provider, _ in lanes}:
        provider_named(name)
