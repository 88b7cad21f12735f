"""Logs what operators did, after the transaction that did it."""

from __future__ import annotations

import logging

import structlog

from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject

NAME = "rescind.operations"
log = structlog.get_logger(NAME)


def log_action(by: str, action: Action, subject: Subject) -> None:
    """Log one action with its actor. A command has no log: it prints what it did."""
    if not logging.getLogger(NAME).isEnabledFor(logging.INFO):
        # Before ``logs.set_up``, structlog would write to standard output.
        return
    about = {
        "lane": subject.lane and "/".join(subject.lane),
        "target": subject.target,
        "number": subject.number,
        "detail": subject.detail,
    }
    known = {name: value for name, value in about.items() if value is not None}
    log.info("operator action", by=by, action=str(action), **known)
