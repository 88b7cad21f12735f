"""systemd is told again and again that the process moves, if it asks for that."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rescind.runtime import systemd_watchdog
from rescind.runtime.systemd_watchdog import ALIVE, SystemdWatchdog, asked
from tests.engine.waiting import until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd_watchdog, "EVERY_SECONDS", 0.001)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket such as that of systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(30)
        yield receiver


def test_systemd_is_told_again_and_again(systemd: socket.socket) -> None:
    own = SystemdWatchdog(systemd.getsockname())
    assert [systemd.recv(100) for _ in range(3)] == [ALIVE] * 3
    own.stop()
    assert not own._thread.is_alive()


def test_a_socket_that_is_away_is_logged_once_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with capture_logs() as lines:
        own = SystemdWatchdog(str(path))
        until(lambda: lines, "a warning")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(path))
            receiver.settimeout(30)
            assert receiver.recv(100) == ALIVE
            own.stop()
    assert [line["event"] for line in lines] == ["systemd cannot be told"]


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "/run/notify"}, None),
        ({"WATCHDOG_USEC": "60000000"}, None),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000"}, "/run/n"),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "60000000"}, "\0n"),
    ],
)
def test_only_a_unit_with_a_watchdog_asks_for_it(
    environment: dict[str, str], address: str | None
) -> None:
    assert asked(environment) == address
