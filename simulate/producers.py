"""The producers of a world: they send each message once, and some of them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from simulate.hub import Hub
from simulate.message_queue import Broker
from simulate.messages import Message
from simulate.planned_entries import complete
from simulate.scenario import Scenario

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The simulated time at which every world begins."""
AGAIN_SECONDS = 300.0
"""Seconds from the beginning to the moment at which producers send everything again
from their outbox, if Redis has lost its data."""


class Producers:
    """Sends a scenario's messages to the broker at their times."""

    def __init__(
        self, scenario: Scenario, hub: Hub, broker: Broker, note: Callable[[str], None]
    ) -> None:
        self._scenario, self._hub, self._broker = scenario, hub, broker
        self._note = note
        self.left = 0
        """The number of messages that are not sent yet."""

    def begin(self) -> None:
        for message in self._scenario.messages:
            self._submit(message, message.at)
            if message.again is not None:
                self._submit(message, message.again)

    def send_all_again(self) -> None:
        for message in self._scenario.messages:
            self._submit(message, AGAIN_SECONDS)

    def _submit(self, message: Message, at: float) -> None:
        self.left += 1
        self._hub.at(BEGAN.timestamp() + at, partial(self._send, message))

    def _send(self, message: Message) -> None:
        self.left -= 1
        self._note(f"a producer sends {_named(message)}")
        entries = complete(message.entries)
        self._broker.send([_with_moments(entry) for entry in entries])


def _named(message: Message) -> str:
    return ", ".join(f"{one['provider']} {one['order']}" for one in message.entries)


def _with_moments(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with absolute times: the same ones each time it is sent."""
    return {
        name: (BEGAN + timedelta(seconds=value)).isoformat()
        if name in ("cancel_before", "not_before")
        else value
        for name, value in entry.items()
    }
