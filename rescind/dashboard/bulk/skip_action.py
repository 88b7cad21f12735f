"""Skip: what waits for others ends, and is not sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.bulk.deciding_each import decide_each
from rescind.dashboard.bulk.order_action import Changed, Order
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.changes.plan_decisions import check_skippable
from rescind.ledger.states import State
from rescind.operations.release_and_skip import SKIP
from rescind.provider.outcomes import InvalidRequestError


class Skip:
    """Ends each as not wanted, as ``ledger.changes.plan_decisions.skip`` does."""

    name = "skip"
    done = "skipped"
    states = frozenset({State.SCHEDULED})
    by_default = states
    takes_deadline = False

    def why_not(self, row: Row[Any], dashboard: Dashboard, now: datetime) -> str | None:
        del dashboard, now
        try:
            check_skippable(row)
        except InvalidRequestError as error:
            return str(error)
        return None

    def question(self, rows: Sequence[Row[Any]]) -> Question:
        count = len(rows)
        return Question(
            title=ngettext(
                "Skip %(num)s cancellation?", "Skip %(num)s cancellations?", count
            ),
            facts=[
                _(
                    "Nothing is sent to the provider, and the order stays as it is"
                    " there. The cancellation ends as withdrawn: not wanted. Rescind"
                    " notifies the system that submitted it, if it asked for that."
                ),
                _(
                    "Cancellations that wait for it follow: those that need it to be"
                    " cancelled are not wanted, either."
                ),
                _(
                    "If what it waits for is retried, it stays skipped. A retry of this"
                    " one can open a new round."
                ),
            ],
            button=ngettext(
                "Skip %(num)s cancellation", "Skip %(num)s cancellations", count
            ),
            refuse=_("Do not skip"),
        )

    def nothing(self) -> tuple[str, str, str]:
        return (
            _("Nothing to skip"),
            _("None of them waits for other cancellations."),
            _("Tick at least one, or choose all that match."),
        )

    def unable(self, count: int) -> str:
        return ngettext(
            "%(num)s other cannot be skipped:",
            "%(num)s others cannot be skipped:",
            count,
        )

    def change(self, dashboard: Dashboard, ids: Sequence[str], order: Order) -> Changed:
        return decide_each(dashboard, SKIP, ids, order)

    def said(self, changed: Changed) -> tuple[str, str, str]:
        count, refused = len(changed.rows), len(changed.refused)
        return (
            ngettext(
                "%(num)s cancellation was skipped",
                "%(num)s cancellations were skipped",
                count,
            ),
            ngettext(
                "Rescind sends nothing for %(num)s cancellation. A system that"
                " asked for that is notified.",
                "Rescind sends nothing for %(num)s cancellations. A system that"
                " asked for that is notified.",
                count,
            ),
            ngettext(
                "%(num)s cancellation was not skipped, and stays as it is:",
                "%(num)s cancellations were not skipped, and stay as they are:",
                refused,
            ),
        )
