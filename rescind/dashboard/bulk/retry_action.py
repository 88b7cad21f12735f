"""Retry: opens a new round for what has ended, or what its provider has dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from rescind.dashboard.bulk.bulk_retry import open_rounds
from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.bulk.order_action import Changed, Order
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.changes import retries
from rescind.ledger.states import RETRYABLE, State
from rescind.operations.actions import lanes_to_notify


def refuses_again(state: str) -> bool:
    """Whether the provider will probably refuse a new round of such a cancellation."""
    return state == State.REJECTED


class Retry:
    """A new round for each; see ``ledger.changes.retries``."""

    name = "retry"
    done = "retried"
    states = RETRYABLE | {State.REQUESTED}
    # The withdrawn ones were taken back, and most requested ones are under way.
    by_default = RETRYABLE - {State.WITHDRAWN}
    takes_deadline = True

    def why_not(self, row: Row[Any], dashboard: Dashboard, now: datetime) -> str | None:
        policy = dashboard.accounts.policy((row.provider, row.account))
        return retries.why_not(row, now, policy)

    def question(self, rows: Sequence[Row[Any]]) -> Question:
        count = len(rows)
        dropped = sum(row.state == State.REQUESTED for row in rows)
        facts = [
            ngettext(
                "A new round begins for it.", "A new round begins for each.", count
            ),
            _(
                "Where an earlier call may have worked, the provider is asked first,"
                " and no second cancel is sent while the first may have worked. The"
                " history keeps both rounds."
            ),
            _("A cancellation that a provider makes then cannot be undone."),
        ]
        refused = sum(refuses_again(row.state) for row in rows)
        if refused:
            facts.append(
                ngettext(
                    "The provider refused %(num)s of them, and will probably refuse"
                    " again.",
                    "Providers refused %(num)s of them, and will probably refuse"
                    " again.",
                    refused,
                )
            )
        if dropped:
            facts.append(
                ngettext(
                    "%(num)s of them was accepted by its provider, which seems to have"
                    " dropped it.",
                    "%(num)s of them were accepted by their providers, which seem to"
                    " have dropped them.",
                    dropped,
                )
            )
        return Question(
            title=ngettext(
                "Retry %(num)s cancellation?", "Retry %(num)s cancellations?", count
            ),
            facts=facts,
            button=ngettext(
                "Retry %(num)s cancellation", "Retry %(num)s cancellations", count
            ),
            refuse=_("Do not retry"),
        )

    def nothing(self) -> tuple[str, str, str]:
        return (
            _("Nothing to retry"),
            _("None of them can be retried."),
            _("Tick at least one, or choose all that match."),
        )

    def unable(self, count: int) -> str:
        return ngettext(
            "%(num)s other cannot be retried:",
            "%(num)s others cannot be retried:",
            count,
        )

    def change(self, dashboard: Dashboard, ids: Sequence[str], order: Order) -> Changed:
        known = (dashboard.engine, dashboard.accounts)
        changed = open_rounds(*known, ids, order.now, order.deadline, by=order.by)
        dashboard.notify(lanes_to_notify(changed.rows))
        return changed

    def said(self, changed: Changed) -> tuple[str, str, str]:
        count, refused = len(changed.rows), len(changed.refused)
        return (
            ngettext("%(num)s new round", "%(num)s new rounds", count),
            ngettext(
                "%(num)s cancellation is under way again: it is sent, or its provider"
                " is asked for the order's status first.",
                "%(num)s cancellations are under way again: each is sent, or its"
                " provider is asked for the order's status first.",
                count,
            ),
            ngettext(
                "%(num)s cancellation could not be retried:",
                "%(num)s cancellations could not be retried:",
                refused,
            ),
        )
