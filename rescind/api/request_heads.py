"""Checks a request's head: its size by lines, and its header ``Host``."""

from __future__ import annotations

import re
from collections.abc import Sequence

LINE_BYTES = 32
"""Added for each header line, which costs memory even if it is short. HTTP/2 counts
the same way."""
_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
)


class HeadError(Exception):
    """A request's head is refused; the text is a sentence for the client, in ASCII."""


class HeadSize:
    """The size of one request's address and header lines, trailers included."""

    def __init__(self, most: int) -> None:
        self._left = self._most = most

    def add(self, *parts: bytes) -> None:
        """Count one line; raises ``HeadError`` if there are too many bytes."""
        self._left -= LINE_BYTES + sum(map(len, parts))
        if self._left < 0:
            raise HeadError(
                f"A head has {self._most} bytes at most; each line counts"
                f" {LINE_BYTES} bytes more than it has."
            )


def check_host(headers: Sequence[tuple[bytes, bytes]], version: str) -> None:
    """Raise ``HeadError`` unless the request names one host, as RFC 9112 demands.

    Otherwise a proxy and this server could read different hosts from one request.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts and version == "1.0":
        return
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].strip()):
        raise HeadError("A request must have one header Host, with a host's name.")
