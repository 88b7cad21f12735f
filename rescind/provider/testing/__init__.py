"""The test suite of every provider, for ours and for those of other packages.

It needs the extra ``rescind[testing]``. A provider's own test file is one class::

    class TestShop(ProviderSuite):
        case = Case(provider=Shop(), credentials={...}, orders=[...], ...)

``rescind new-provider`` writes such a file.
"""

from __future__ import annotations

import pytest

for _name in (
    *("contract", "hostile_replies", "firewalls", "lost_answers"),
    *("known_states", "other_orders", "model_caller"),
):
    pytest.register_assert_rewrite(f"rescind.provider.testing.{_name}")

from rescind.provider.testing.case import MARK, Case  # noqa: E402
from rescind.provider.testing.contract import Contract  # noqa: E402
from rescind.provider.testing.firewalls import Firewalls  # noqa: E402
from rescind.provider.testing.hostile_replies import HostileReplies  # noqa: E402
from rescind.provider.testing.known_states import KnownStates  # noqa: E402
from rescind.provider.testing.lost_answers import LostAnswers  # noqa: E402
from rescind.provider.testing.other_orders import OtherOrders  # noqa: E402
from rescind.provider.testing.reply_checks import judged  # noqa: E402

__all__ = [
    "MARK",
    "Case",
    "Contract",
    "Firewalls",
    "HostileReplies",
    "KnownStates",
    "LostAnswers",
    "OtherOrders",
    "ProviderSuite",
    "judged",
]


class ProviderSuite(
    Contract, HostileReplies, Firewalls, LostAnswers, KnownStates, OtherOrders
):
    """All tests; a subclass sets ``case``."""
