"""Release: what waits for others is sent, whatever becomes of those."""

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
from rescind.ledger.changes.plan_decisions import check_releasable
from rescind.ledger.states import State
from rescind.operations.release_and_skip import RELEASE
from rescind.provider.outcomes import InvalidRequestError


class Release:
    """Sends each, as ``ledger.changes.plan_decisions.release`` does."""

    name = "release"
    done = "released"
    states = frozenset({State.SCHEDULED, State.WITHDRAWN})
    by_default = frozenset({State.SCHEDULED})
    takes_deadline = False

    def why_not(self, row: Row[Any], dashboard: Dashboard, now: datetime) -> str | None:
        del dashboard
        try:
            check_releasable(row, now)
        except InvalidRequestError as error:
            return str(error)
        return None

    def question(self, rows: Sequence[Row[Any]]) -> Question:
        count = len(rows)
        return Question(
            title=ngettext(
                "Release %(num)s cancellation?",
                "Release %(num)s cancellations?",
                count,
            ),
            facts=[
                _(
                    "It is sent as soon as its lane lets it, whatever becomes of the"
                    " cancellations that it waits for. Its start time still holds."
                ),
                _(
                    "It does not wait for others any more, even if they are retried."
                    " The history keeps who released it."
                ),
                _("A cancellation that a provider makes then cannot be undone."),
            ],
            button=ngettext(
                "Release %(num)s cancellation", "Release %(num)s cancellations", count
            ),
            refuse=_("Do not release"),
        )

    def nothing(self) -> tuple[str, str, str]:
        return (
            _("Nothing to release"),
            _("None of them waits for other cancellations."),
            _("Tick at least one, or choose all that match."),
        )

    def unable(self, count: int) -> str:
        return ngettext(
            "%(num)s other cannot be released:",
            "%(num)s others cannot be released:",
            count,
        )

    def change(self, dashboard: Dashboard, ids: Sequence[str], order: Order) -> Changed:
        return decide_each(dashboard, RELEASE, ids, order)

    def said(self, changed: Changed) -> tuple[str, str, str]:
        count, refused = len(changed.rows), len(changed.refused)
        return (
            ngettext(
                "%(num)s cancellation was released",
                "%(num)s cancellations were released",
                count,
            ),
            ngettext(
                "%(num)s cancellation is sent, whatever becomes of the others.",
                "%(num)s cancellations are sent, whatever becomes of the others.",
                count,
            ),
            ngettext(
                "%(num)s cancellation was not released, and stays as it is:",
                "%(num)s cancellations were not released, and stay as they are:",
                refused,
            ),
        )
