"""Callbacks that producers may ask for: webhook addresses, and tasks of their own.

An address is checked twice: when its cancellation is submitted, and before each
attempt. The settings may have changed between the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from providers.registry import BY_NAME
from rescind.provider.outcomes import InvalidRequestError

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
_TASK = re.compile(r"[A-Za-z_][\w.:-]{0,199}", re.ASCII)
_QUEUE = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
_OURS = re.compile(r"(?:rescind|unacked|celeryev)(?:\b|_).*", re.ASCII)
"""Names of queues and Redis keys that belong to Rescind or to Celery."""
DEFAULT_QUEUE = "celery"
"""The queue that a Celery worker reads by default."""
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


class Wanted(NamedTuple):
    """The callbacks that a producer wants for one cancellation."""

    url: str | None = None
    task: str | None = None
    queue: str | None = None


NONE_WANTED = Wanted()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The callbacks that are allowed for one way of submitting."""

    hosts: Sequence[HostPattern] = ()
    private: bool = False
    """Whether private addresses and plain HTTP are allowed, too."""
    signed: bool = False
    """Whether there is a secret to sign with."""
    tasks: bool = False
    """Whether tasks are allowed: only for producers with access to the broker."""
    of_refused: bool = False
    """Whether refused entries are delivered, too: if the producer gets no answer."""

    def wanted(self, entry: Mapping[str, Any]) -> Wanted:
        """The callbacks that ``entry`` asks for; raises ``InvalidRequestError``."""
        url, task = entry.get("callback_url"), entry.get("callback_task")
        queue = entry.get("callback_queue")
        if url is None and task is None and queue is None:
            return NONE_WANTED
        if url is not None and (why := self.why_not(url)):
            raise InvalidRequestError(f"callback_url {why}")
        if task is None and queue is not None:
            raise InvalidRequestError("callback_queue needs a callback_task")
        if task is None:
            return Wanted(url)
        return Wanted(url, self._task(task), _queue(queue))

    def of_what_is_refused(self, entry: object) -> Wanted:
        """The allowed callbacks of an entry that is refused."""
        if not self.of_refused or not isinstance(entry, dict):
            return NONE_WANTED
        try:
            return self.wanted(entry)
        except InvalidRequestError:
            return NONE_WANTED

    def why_not(self, url: object) -> str | None:
        """Why this address is not allowed, as the end of a sentence; else ``None``."""
        read = read_url(url) if isinstance(url, str) else None
        if read is None:
            return (
                f"must be an http or https address of at most {LONGEST_URL} characters,"
                " all of them ASCII, without a user, a password or a fragment"
            )
        if not self.hosts:
            return (
                "is not accepted: no host is allowed; list the allowed hosts in"
                " RESCIND_WEBHOOK_HOSTS"
            )
        if not self.signed:
            return "is not accepted: set RESCIND_WEBHOOK_SECRET to sign webhooks"
        if not read.secure and not self.private:
            return "must begin with https://: only RESCIND_WEBHOOK_PRIVATE allows http"
        if not any(pattern.fits(read) for pattern in self.hosts):
            where = read.host if read.usual_port else f"{read.host}:{read.port}"
            return f"is at {where[:100]}, which RESCIND_WEBHOOK_HOSTS does not list"
        return None

    def _task(self, name: object) -> str:
        if not self.tasks:
            raise InvalidRequestError(
                "callback_task is not accepted here: only producers that submit through"
                " the broker may use it; give a callback_url"
            )
        if not isinstance(name, str) or not _TASK.fullmatch(name):
            raise InvalidRequestError(
                "callback_task must be the name of a task of yours, such as"
                " shop.cancellation_ended"
            )
        if name.partition(".")[0] in {"rescind", "celery", *BY_NAME}:
            raise InvalidRequestError(
                "callback_task must be a task of yours, not one of Rescind's or"
                " Celery's own"
            )
        return name


def _queue(name: object) -> str:
    if name is None:
        return DEFAULT_QUEUE
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):
        raise InvalidRequestError(
            "callback_queue must be 1 to 100 letters, digits, dots, dashes or"
            " underscores"
        )
    if _OURS.fullmatch(name) or name in BY_NAME:
        raise InvalidRequestError(
            "callback_queue must be a queue of yours, not one of Rescind's or Celery's"
            " own"
        )
    return name


NO_CALLBACKS = Callbacks()
