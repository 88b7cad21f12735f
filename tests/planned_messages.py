"""A provider that cancels a planned message until shortly before its time: notpanel, as
if it had some."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from providers.notpanel import NotPanel
from rescind.provider.interface import Params

BEFORE = timedelta(minutes=5)


class PlannedParams(Params):
    """When the message is to be sent."""

    send_at: str | None = None


class Planned(NotPanel):
    """Cancels a message until five minutes before ``send_at``."""

    params_model: ClassVar[type[Params]] = PlannedParams

    def cancellable_until(
        self, order: str, params: Mapping[str, Any]
    ) -> datetime | None:
        planned = params.get("send_at")
        return None if planned is None else datetime.fromisoformat(planned) - BEFORE
