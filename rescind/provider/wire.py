"""What carries one request to a provider, and the clocks that say until when.

``provider.http`` decides; the wire only connects, sends and receives. A simulation
hands in another one, whose time passes as it likes.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from urllib3.connection import HTTPConnection

from rescind.provider.connection import Head, connected, forget, keep
from rescind.provider.http_messages import Reply
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.response_reader import Patience, receive


class Connected(Protocol):
    """A connection that is there for one request."""

    def prepare(self, patience: Patience) -> None:
        """Do all that can be done before the request goes out. Nothing is sent."""

    def ask(self, body: bytes, patience: Patience) -> Reply:
        """Send the request and wait for its reply. Whatever it raises, the provider
        may have acted."""

    def leave(self) -> None:
        """It was not used: another call may have it."""


class Wire(Protocol):
    """Connections, and the clocks of the machine that they begin at."""

    def now(self) -> datetime:
        """The time of day, which may be set, and which goes on in a suspended
        machine."""

    def monotonic(self) -> float:
        """Seconds that only ever go on; a suspended machine's may stand still."""

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Connected:
        """Connect within so many seconds. Whatever it raises, nothing was sent."""

    def forget(self) -> None:
        """Close what this thread keeps: what still comes there is no call's answer."""


class _Socket:
    """A connected socket of ``requests`` and ``urllib3``."""

    def __init__(self, head: Head, connection: HTTPConnection) -> None:
        self._head = head
        self._connection = connection

    def prepare(self, patience: Patience) -> None:
        sock = self._connection.sock
        if sock.gettimeout() != patience.silence:
            # Each time it is a call of the system's, and another thread's turn.
            sock.settimeout(patience.silence)

    def ask(self, body: bytes, patience: Patience) -> Reply:
        sock = self._connection.sock
        try:
            # Who hangs up in the middle of a request may have answered it before.
            with suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(self._head.data + body)
            reply, stays = receive(sock, patience, LARGEST_BODY)
        except BaseException:
            self._connection.close()
            raise
        if stays:
            self.leave()
        else:
            self._connection.close()
        return reply

    def leave(self) -> None:
        keep(self._head, self._connection)


class Sockets:
    """The wire of a real process."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Connected:
        return _Socket(head, connected(head, seconds, verify))

    def forget(self) -> None:
        forget()


SOCKETS = Sockets()
