"""Stands in the place of a provider that is not installed, or cannot be used.

The ledger may hold its rows. They stay readable, and its lanes are held: nothing is
ever sent to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Never

from rescind.provider.account import Account
from rescind.provider.http_messages import Reply
from rescind.provider.interface import INTERFACE_VERSION, Provider
from rescind.provider.outcomes import Order
from rescind.provider.policy import Policy, seconds

LONG = timedelta(days=3)


class UnavailableProvider(Provider[Account]):
    """Has a policy, as every lane does, and refuses to build or to read a call."""

    interface_version: ClassVar[int] = INTERFACE_VERSION
    name: ClassVar[str] = "unavailable"
    policy: ClassVar[Policy] = Policy(
        resend_delays=seconds(60),
        poll_delays=seconds(60),
        verify_delays=seconds(60),
        # Nobody reads its orders, so only the general limit ends them: a package that
        # is broken for a night must not leave them unresolved.
        poll_for=LONG,
        verify_for=LONG,
        give_up_after=LONG,
    )
    account_model: ClassVar[type[Account]] = Account
    order_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")
    order_form: ClassVar[str] = "of a provider that is installed"

    def build_cancel(
        self, account: Account, token: str | None, orders: Sequence[Order]
    ) -> Never:
        raise LookupError(self.order_form)

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Never:
        raise LookupError(self.order_form)

    def build_read(
        self, account: Account, token: str | None, orders: Sequence[Order]
    ) -> Never:
        raise LookupError(self.order_form)

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Never:
        raise LookupError(self.order_form)

    def build_probe(self, account: Account, token: str | None) -> None:
        return None


UNAVAILABLE = UnavailableProvider()
