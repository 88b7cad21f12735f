"""Loaded into workers of a test: some orders kill the process that calls for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

from providers.iletimerkezi import IletiMerkezi
from rescind.provider.http_messages import Request
from rescind.provider.outcomes import Order

DEADLY = "666"
"""The first digits of such orders."""

_build_cancel = IletiMerkezi.build_cancel


def build_cancel(
    self: IletiMerkezi, account: Any, token: str | None, orders: Sequence[Order]
) -> Request:
    if orders[0].id.startswith(DEADLY):
        os.kill(os.getpid(), signal.SIGKILL)
    return _build_cancel(self, account, token, orders)


IletiMerkezi.build_cancel = build_cancel  # type: ignore[method-assign]
