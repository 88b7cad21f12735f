"""Sends a test event to a receiver, and records who asked for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from rescind.config.callbacks import Callbacks
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.deliveries.retry_policy import Response
from rescind.ledger.delivery_target import target_of
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action
from rescind.webhooks.sample_event import send_test_event


def try_receiver(
    engine: Engine, callbacks: Callbacks, address: str, now: datetime, *, by: str
) -> Response:
    """Send one test event; an address that may not be called gets none.

    ``by`` is the actor: see ``rescind.config.actors``.
    """
    if callbacks.why_not(address) is None:
        # Of the address only the host is kept: the rest may hold a secret.
        asked = Subject(detail=target_of(address))
        with writing(engine) as connection:
            record_action(connection, by, Action.TEST, asked, now)
        log_action(by, Action.TEST, asked)
    return send_test_event(callbacks, address, now)
