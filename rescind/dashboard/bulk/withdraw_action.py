"""Withdraw: takes back what was not sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.bulk.order_action import Changed, Order
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.changes.withdrawals import refusal
from rescind.ledger.states import UNSENT, State
from rescind.operations.withdrawal import withdraw_many


class Withdraw:
    """Ends each as ``withdrawn``; see ``ledger.changes.withdrawals``."""

    name = "withdraw"
    done = "withdrawn"
    states = UNSENT
    by_default = UNSENT
    takes_deadline = False

    def why_not(self, row: Row[Any], dashboard: Dashboard, now: datetime) -> str | None:
        del dashboard, now
        if row.state == State.WITHDRAWN:
            return _("%(id)s is withdrawn already", id=row.id)
        why = refusal(row)
        return None if why is None else str(why)

    def question(self, rows: Sequence[Row[Any]]) -> Question:
        count = len(rows)
        return Question(
            title=ngettext(
                "Withdraw %(num)s cancellation?",
                "Withdraw %(num)s cancellations?",
                count,
            ),
            facts=[
                _(
                    "Nothing is sent to the provider, and the order stays as it is"
                    " there. The cancellation ends as withdrawn. Rescind notifies the"
                    " system that submitted it, if it asked for that."
                ),
                _(
                    "If a worker sends one before you confirm, it is not withdrawn, and"
                    " the next page says so."
                ),
                _("That end stays in the history. A retry can open a new round."),
            ],
            button=ngettext(
                "Withdraw %(num)s cancellation", "Withdraw %(num)s cancellations", count
            ),
            refuse=_("Do not withdraw"),
        )

    def nothing(self) -> tuple[str, str, str]:
        return (
            _("Nothing to withdraw"),
            _(
                "None of them can be withdrawn: they were sent, may have been sent, or"
                " have ended."
            ),
            _("Tick at least one, or choose all that match."),
        )

    def unable(self, count: int) -> str:
        return ngettext(
            "%(num)s other cannot be withdrawn:",
            "%(num)s others cannot be withdrawn:",
            count,
        )

    def change(self, dashboard: Dashboard, ids: Sequence[str], order: Order) -> Changed:
        result = withdraw_many(dashboard.engine, ids, order.now, by=order.by)
        return Changed(result.rows, [str(error) for error in result.refused])

    def said(self, changed: Changed) -> tuple[str, str, str]:
        count, refused = len(changed.rows), len(changed.refused)
        return (
            ngettext(
                "%(num)s cancellation was withdrawn",
                "%(num)s cancellations were withdrawn",
                count,
            ),
            ngettext(
                "Rescind sends nothing for %(num)s cancellation: the order stays as it"
                " is at the provider. A system that asked for that is notified.",
                "Rescind sends nothing for %(num)s cancellations: the orders stay as"
                " they are at the providers. A system that asked for that is"
                " notified.",
                count,
            ),
            ngettext(
                "%(num)s cancellation was not withdrawn, and stays as it is:",
                "%(num)s cancellations were not withdrawn, and stay as they are:",
                refused,
            ),
        )
