"""The connection that carries one request to a provider, and the clocks of a call.

``rescind.provider.http`` decides; a ``Wire`` only connects, sends and receives. A
simulation passes its own ``Wire``, with its own clock.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Protocol

from urllib3.connection import HTTPConnection

from rescind.provider.connection import Head, connected, forget, keep
from rescind.provider.http_messages import Reply
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.response_reader import Patience, receive
from rescind.provider.system_clock import SystemClock, Times


class Connected(Protocol):
    """A connection that is ready for one request."""

    def prepare(self, patience: Patience) -> None:
        """Do what must be done before sending. Nothing is sent."""

    def ask(self, body: bytes, patience: Patience) -> Reply:
        """Send the request and wait for its reply. Even if this raises, the provider
        may have acted."""

    def leave(self) -> None:
        """Give the unused connection back for another call."""


class Wire(Times, Protocol):
    """Makes connections, and reads the clocks."""

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Connected:
        """Connect within so many seconds. Nothing was sent, even if this raises."""

    def forget(self) -> None:
        """Close this thread's connections, so that no later call reads a late reply."""


class _Socket:
    """A connected socket of ``requests`` and ``urllib3``."""

    def __init__(self, head: Head, connection: HTTPConnection) -> None:
        self._head = head
        self._connection = connection

    def prepare(self, patience: Patience) -> None:
        sock = self._connection.sock
        if sock.gettimeout() != patience.silence:
            # A system call, during which another thread may take its turn.
            sock.settimeout(patience.silence)

    def ask(self, body: bytes, patience: Patience) -> Reply:
        sock = self._connection.sock
        try:
            # A provider that closes in the middle of a request may have replied first.
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

    def __init__(self, times: Times | None = None) -> None:
        """``times``: the clocks to go by, if not this machine's."""
        self._times: Times = times or SystemClock()

    def now(self) -> datetime:
        return self._times.now()

    def earliest(self) -> datetime:
        return self._times.earliest()

    def monotonic(self) -> float:
        return self._times.monotonic()

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Connected:
        return _Socket(head, connected(head, seconds, verify))

    def forget(self) -> None:
        forget()


SOCKETS = Sockets()
