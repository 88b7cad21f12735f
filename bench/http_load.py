"""An HTTP client that keeps many connections busy, and notes the time of each answer.

Each connection sends its next request when it has the answer to the one before. The
client reads only what it needs of HTTP/1.1: it shares the cores with the server.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.I)
PATIENCE = 30.0
"""Seconds until a request without an answer counts as an error."""
KEPT_ERRORS = 5

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request, and the connections that send no other kind."""

    name: str
    connections: int
    request: Callable[[int, int], bytes]
    """The whole request, by the number of its connection and a number of its own."""
    status: int
    holds: bytes = b""
    """What the body of a good answer contains."""


@dataclass(slots=True)
class Seen:
    """What was measured."""

    waits: dict[str, list[float]]
    """The seconds from each request to the end of its answer, by kind."""
    seconds: float = 0.0
    """The time from the first request to the last answer."""
    errors: int = 0
    examples: list[str] = field(default_factory=list)
    """The first errors, in words."""

    def wrong(self, kind: str, what: str) -> None:
        self.errors += 1
        if len(self.examples) < KEPT_ERRORS:
            self.examples.append(f"{kind}: {what}")


class Limits:
    """Hands out the numbers of requests until their time or their number is over."""

    def __init__(self, seconds: float, requests: int) -> None:
        self._ends = time.perf_counter() + seconds
        self._numbers = iter(range(requests))

    def numbers(self) -> Iterator[int]:
        for number in self._numbers:
            if time.perf_counter() > self._ends:
                return
            yield number


def load(address: Address, kinds: Sequence[Kind], limits: Limits) -> Seen:
    """Send requests of all kinds at once until ``limits`` end; returns the answers."""
    return asyncio.run(_load(address, kinds, limits))


async def _load(address: Address, kinds: Sequence[Kind], limits: Limits) -> Seen:
    seen, began = Seen({kind.name: [] for kind in kinds}), time.perf_counter()
    places = [kind for kind in kinds for _ in range(kind.connections)]
    async with asyncio.TaskGroup() as group:
        for place, kind in enumerate(places):
            group.create_task(_connection(address, place, kind, limits, seen))
    seen.seconds = time.perf_counter() - began
    return seen


async def _connection(
    address: Address, place: int, kind: Kind, limits: Limits, seen: Seen
) -> None:
    """Send requests on one connection. If it fails, that is an error, and it ends."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError as error:
        seen.wrong(kind.name, repr(error))
        return
    try:
        for number in limits.numbers():
            writer.write(kind.request(place, number))
            await _answer(reader, kind, seen)
    except (OSError, EOFError, ValueError, TimeoutError) as error:
        seen.wrong(kind.name, repr(error))
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, kind: Kind, seen: Seen) -> None:
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        status, body = await answer(reader)
    if status != kind.status or kind.holds not in body:
        seen.wrong(kind.name, f"{status}: {body[:200]!r}")
        return
    seen.waits[kind.name].append(time.perf_counter() - began)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One answer's status and body. ``ValueError`` if its length is not given."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    if length is None:
        raise ValueError(f"an answer without Content-Length: {head[:200]!r}")
    return int(head[9:12]), await reader.readexactly(int(length[1]))


def get(path: str, *headers: str) -> bytes:
    return _request(f"GET {path}", headers)


def post(path: str, body: bytes, *headers: str) -> bytes:
    more = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return _request(f"POST {path}", (*headers, *more)) + body


def _request(line: str, headers: Sequence[str]) -> bytes:
    lines = (f"{line} HTTP/1.1", "Host: localhost", *headers, "", "")
    return "\r\n".join(lines).encode()
