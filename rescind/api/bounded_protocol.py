"""The HTTP protocol with bounds: for requests in time and size, and for readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rescind.api.client_address import UNKNOWN, network_of
from rescind.api.crowding import one_to_close
from rescind.api.raw_problems import crowded, malformed
from rescind.api.request_heads import HeadError, HeadSize, check_host

REQUEST_SECONDS = 30.0
"""A request that has not arrived whole by then is aborted."""
READER_SECONDS = 30.0
"""A client that reads nothing of its answer for so long is disconnected."""
MOST_CONNECTIONS = 1000
LARGEST_HEAD = 65_536
"""Bytes of a request's line and headers, about; the body is bounded elsewhere."""


class BoundedProtocol(HttpToolsProtocol):
    """Bounds how long a client may take to send a request and to read its answer."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _head_bytes = 0
    """Bytes that came since the last headers, body part or end of a request."""
    _head_size = HeadSize(LARGEST_HEAD)
    _head_fault: str | None = None
    _idle_since: float | None = None
    """``None`` while a request is under way, and when the connection is given up."""
    peer = UNKNOWN

    # --- bounds for the request -------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client is not None:
            self.peer = network_of(self.client[0])
        self._idle_since = self.loop.time()
        self._wait()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > LARGEST_HEAD:
            self._refuse_head()
        elif self._deadline is None and self._is_idle():
            # Empty lines, or the rest of an answered request, begin no request but
            # stop uvicorn's own idle timer.
            self._wait()

    def on_message_begin(self) -> None:
        self._wait()
        self._head_size = HeadSize(LARGEST_HEAD)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._checked(self._head_size.add, url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._checked(self._head_size.add, name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self._checked(check_host, self.headers, self.parser.get_http_version())
        self._idle_since = None
        self.app = self._app_for_now()
        super().on_headers_complete()

    def _app_for_now(self) -> Any:
        # uvicorn's own limit answers in plain text.
        busy = max(len(self.connections), len(self.tasks)) >= MOST_CONNECTIONS
        return crowded if busy else self.config.loaded_app

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._stop_waiting()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _checked(self, check: Callable[..., None], *given: Any) -> None:
        """Run ``check``; its error ends the parsing, and is told in the answer."""
        try:
            check(*given)
        except HeadError as error:
            self._head_fault = str(error)
            raise

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response(f"A head has {LARGEST_HEAD} bytes at most.")

    def send_400_response(self, msg: str) -> None:
        if self._is_idle():
            self.transport.write(malformed(self._head_fault or msg))
            self.transport.close()
        else:
            # A second answer cannot begin in the middle of one.
            self.transport.abort()

    @property
    def idle_since(self) -> float | None:
        return self._idle_since

    def _make_room(self) -> None:
        ours = [one for one in self.connections if isinstance(one, BoundedProtocol)]
        if (found := one_to_close(ours)) is not None:
            found.give_up()

    def give_up(self) -> None:
        """Close the connection at once, and count it no more."""
        self._idle_since = None
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- bounds for the reader of the answer ------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._stop_waiting_for_reader()
        super().resume_writing()

    def on_response_complete(self) -> None:
        # This begins the next request if it has come already.
        super().on_response_complete()
        self._idle_since = self.loop.time() if self._is_idle() else None
        self._bound_closing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._bound_closing()

    def _bound_closing(self) -> None:
        # A closing transport stays a connection until the client has read all of it.
        if self.transport.is_closing():
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
