"""Our providers, for the suite that every provider passes."""

from __future__ import annotations

from collections.abc import Sequence

from providers.registry import OURS
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Finding, Order, Outcome
from rescind.provider.testing import Case
from rescind.sandbox.installed_simulations import simulations
from tests.providers.accounts import CREDENTIALS, ORDERS
from tests.providers.evidence import CANCEL_CALLS, READINGS, holds
from tests.providers.samples import ASKED, CANCELS, LOGINS, ODD_VALUES, READS, UNDECIDED


class SecondReading:
    """A ``Proof``: the reading of ``tests.providers.evidence``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(
        self,
        call: str,
        finding: Finding,
        order: Order,
        asked: Sequence[Order],
        reply: Reply,
    ) -> bool:
        if call == "cancel":
            shown, good = CANCEL_CALLS[self._name]
            settled = finding.outcome is Outcome.CANCELLED
            return not settled or holds(shown, good, order, asked, reply)
        shown, words = READINGS[self._name]
        settled = finding.outcome in (Outcome.CANCELLED, Outcome.ACTIVE, Outcome.GONE)
        good = words.get(finding.outcome, set())
        return not settled or holds(shown, good, order, asked, reply)


NOT_SHOWN = {"dukkango": ("delivered", "cancelled")}
"""States that a provider does not show: this one lists only orders in progress."""

CASES = {
    one.name: Case(
        provider=one,
        credentials=CREDENTIALS[one.name],
        orders=ORDERS[one.name],
        also_asked=ASKED[one.name][1:],
        cancels=CANCELS[one.name],
        reads=READS[one.name],
        undecided=UNDECIDED.get(one.name, ()),
        undecided_states=NOT_SHOWN.get(one.name, ()),
        logins=LOGINS.get(one.name, ()),
        odd=ODD_VALUES,
        proof=SecondReading(one.name),
        simulation=simulations()[one.name],
    )
    for one in OURS
}
