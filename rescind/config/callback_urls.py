"""Addresses of webhooks: parsed so that every parser reads them alike, and matched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_URL = 2000
_NAME = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = rf"(?:{_NAME}(?:\.{_NAME})*\.?|\[[0-9a-f:.]+\])"
_URL = re.compile(
    # Only addresses that every parser reads alike: no character that one parser takes
    # for part of the host, and another one for a user name, a path or an end.
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?"
    r"(?P<path>(?:/[!$&-;=@-Z_a-z~%]*)?)(?P<query>(?:\?[!$&-;=?@-Z_a-z~%]*)?)",
    re.ASCII | re.IGNORECASE,
)
_PATTERN = re.compile(
    rf"(?P<host>(?:\*\.)?{_HOST})(?::(?P<port>\d{{1,5}}|\*))?", re.ASCII | re.IGNORECASE
)
MOST_PORT = 65_535
PORTS = {"https": 443, "http": 80}


class Url(NamedTuple):
    """A parsed address."""

    secure: bool
    host: str
    port: int
    path: str
    """The path with its query, as the request line has it."""

    @property
    def usual_port(self) -> bool:
        return self.port == PORTS["https" if self.secure else "http"]


def read_url(text: str) -> Url | None:
    """``text`` parsed; ``None`` if it is no address that all parsers read alike."""
    found = _URL.fullmatch(text) if len(text) <= LONGEST_URL else None
    if found is None:
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"] or PORTS[scheme])
    if not 1 <= port <= MOST_PORT:
        return None
    path = (found["path"] or "/") + found["query"]
    return Url(scheme == "https", found["host"].lower().rstrip("."), port, path)


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One entry of ``RESCIND_WEBHOOK_HOSTS``."""

    host: str
    port: str | None = None
    """A number; ``None`` is the scheme's default port, ``*`` is any port."""

    def fits(self, url: Url) -> bool:
        """Whether ``url`` is at this host, or at a subdomain of a ``*.`` pattern."""
        below = self.host.startswith("*.") and url.host.endswith(self.host[1:])
        if not (below or url.host == self.host):
            return False
        if self.port is None:
            return url.usual_port
        return self.port == "*" or int(self.port) == url.port


def host_patterns(listed: str) -> tuple[HostPattern, ...]:
    """The patterns in ``listed``, separated by commas or spaces.

    Raises ``ValueError`` with a sentence.
    """
    return tuple(_pattern(one) for one in re.split(r"[,\s]+", listed) if one)


def _pattern(text: str) -> HostPattern:
    found = _PATTERN.fullmatch(text)
    port = (found and found["port"]) or "*"
    if found is None or (port != "*" and not 1 <= int(port) <= MOST_PORT):
        raise ValueError(
            f"{text[:100]!r} is not a host: give names such as hooks.example.com,"
            " *.example.com or hooks.example.com:8443, separated by commas"
        )
    return HostPattern(found["host"].lower().rstrip("."), found["port"])
