"""Takes in an event of a provider: proves its sender, and brings readings forward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import Engine

from rescind.config.accounts import Lane, LaneConfig
from rescind.ledger.changes.rereading import ask_for_readings
from rescind.ledger.changes.seen_events import is_new
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import writing
from rescind.provider.events import (
    MOST_ORDERS,
    Event,
    UnreadableEventError,
    WithEvents,
)
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError

log = structlog.get_logger("rescind.events")


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """An event whose sender is proved, and the orders that it names, in their one form.

    It names none if it cannot be read.
    """

    event: Event
    orders: Sequence[str]
    id: str | None = None


def proven(lane: Lane, config: LaneConfig, event: Event) -> ProvenEvent | None:
    """The event, if the lane's provider has signed it; ``None`` if not, or if the lane
    has no usable account or its provider sends no events. Never raises."""
    provider, account = config.provider, config.account
    if account is None or not isinstance(provider, WithEvents):
        return None
    try:
        if not provider.is_signed(account, event):
            return None
        return _read(provider, event)
    except UnreadableEventError as error:
        log.warning("an event cannot be read", lane="/".join(lane), why=str(error))
        return ProvenEvent(event, ())
    except Exception as error:  # noqa: BLE001  (a provider's bug proves nothing)
        # Its text may hold what was sent: only its kind.
        kind = type(error).__name__
        log.error("an event was not read", lane="/".join(lane), kind=kind)  # noqa: TRY400
        return None


def _read(provider: WithEvents[Any], event: Event) -> ProvenEvent:
    news = provider.parse_event(event)
    orders = list(islice(_in_one_form(provider, news.orders), MOST_ORDERS))
    return ProvenEvent(event, orders, news.id)


def _in_one_form(provider: Provider[Any], orders: Sequence[str]) -> Iterator[str]:
    for order in dict.fromkeys(orders):
        try:
            yield provider.canonical_order(provider.check_order(order))
        except InvalidRequestError:
            # No cancellation of ours can have it.
            continue


def take_in_event(ledger: Engine, seal: Seal, lane: Lane, came: ProvenEvent) -> int:
    """Make one reading due of each cancellation that the event concerns.

    Returns how many cancellations that changed: none if the event came before. Raises
    ``LedgerUnreachableError``; the event is then unknown, and may be sent again.
    """
    if not came.orders:
        return 0
    now = came.event.received_at
    with writing(ledger) as connection:
        if not is_new(connection, _digest(seal, lane, came), now):
            return 0
        changed = ask_for_readings(connection, lane, came.orders, now)
    if changed:
        log.info("an event asks for readings", lane="/".join(lane), of=changed)
    return changed


def _digest(seal: Seal, lane: Lane, came: ProvenEvent) -> str:
    # An event may hold the customer's phone number or name.
    own = [came.event.query.encode(), came.event.body]
    parts = own if came.id is None else [came.id.encode("utf-8", "replace")]
    named = [*(one.encode() for one in lane), str(len(parts)).encode(), *parts]
    # With their lengths, no two lists of parts have the same bytes.
    return seal.digest(b"".join(b"%d:" % len(part) + part for part in named))
