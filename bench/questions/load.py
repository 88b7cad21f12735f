"""How long do the HTTP API and the dashboard take under a mixed load?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import requests

from bench.bench_plan import Plan, say
from bench.http_load import Kind, Limits, Seen, get, load, post
from bench.processes import BenchError, until
from bench.rescind_contender import Rescind
from bench.results import US, Result, Row, Target
from bench.stats import percentile
from bench.team import FIRST, START_SECONDS
from rescind.system.embedded_redis import free_port, listens

TOKENS = ("bench-token-of-one-shop", "bench-token-of-another")
KNOWN = 2_000
"""Cancellations that are in the ledger before the load begins."""
NEVER_FULL = "10000000/minute"
"""The rates of a token: the question is what the server can do, not what it allows."""
SHARES = {"p50": 0.5, "p99": 0.99}
PATH = "/v1/cancellations"
LISTS = (
    f"{PATH}?limit=50",
    f"{PATH}?state=queued&provider=ithink&limit=50",
    f"{PATH}?group=load&limit=50",
)
ALL, ERRORS = "all requests", "errors"
HOW = (
    "`python -m rescind.api` with its default settings, but for the rates of a token;"
    " no worker runs. 200 connections over loopback: 104 send single submissions, 12"
    " send 100 cancellations in each request, 4 send 1,000 in each, 40 read one record"
    " with its history, 20 read lists of 50, and 20 read pages (the overview, a list,"
    " one cancellation). Half of them use one token and half another; pages use a"
    " session of each token. A connection sends its next request when it has the"
    " answer to the last one, so the server is always busy, and a time is mostly the"
    " wait for the other 199. Each round begins with 2,000 cancellations in the ledger"
    " and lasts 10 s (4 s with `--quick`) or 50,000 requests. A time is from just"
    " before the request to the end of the answer; p50 and p99 are of all rounds"
    " together, and where a kind had fewer than 100 answers, p99 is the longest time."
    " An error is any answer but the expected one, a cancellation that was not"
    " accepted, or a connection that broke. The client runs on the same cores."
)


class ApiServer(Rescind):
    """The HTTP API alone, with the ledger of a stage."""

    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        self.port = free_port()
        listed = (f"shop{n}:submit+read:{one}" for n, one in enumerate(TOKENS))
        env = {
            "RESCIND_API_TOKENS": ",".join(listed),
            "RESCIND_API_PORT": str(self.port),
            "RESCIND_API_RATE": NEVER_FULL,
            "RESCIND_API_ENTRY_RATE": NEVER_FULL,
        }
        yield (sys.executable, "-m", "rescind.api"), {**self.settings(), **env}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        until(lambda: listens(self.url), "the HTTP API", START_SECONDS)


@dataclass(frozen=True, slots=True)
class Client:
    """What the connections send: their tokens, sessions and known cancellations."""

    known: Sequence[str]
    """Ids."""
    cookies: Sequence[str]
    """One session of each token."""

    def kinds(self) -> list[Kind]:
        """All kinds of requests; 200 connections together."""
        accepted = b'"receipt":"accepted"'
        return [
            Kind("one submission", 104, self._single, 202, accepted),
            Kind("100 in a request", 12, self._bulk(100), 202, b'"accepted":100,'),
            Kind("1,000 in a request", 4, self._bulk(1_000), 202, b'"accepted":1000,'),
            Kind("one record", 40, self._record, 200, b'"history":['),
            Kind("a list", 20, self._list, 200, b'"cancellations":[{'),
            Kind("a page", 20, self._page, 200, b"</html>"),
        ]

    def _single(self, place: int, number: int) -> bytes:
        # No two requests name the same order: each has a thousand of its own.
        body = json.dumps(_entry(FIRST + KNOWN + number * 1_000)).encode()
        return post(PATH, body, _bearer(place))

    def _bulk(self, size: int) -> Callable[[int, int], bytes]:
        def request(place: int, number: int) -> bytes:
            first = FIRST + KNOWN + number * 1_000
            return post(PATH, _many(first, size), _bearer(place))

        return request

    def _record(self, place: int, number: int) -> bytes:
        return get(f"{PATH}/{self._id(number)}", _bearer(place))

    def _list(self, place: int, number: int) -> bytes:
        return get(LISTS[number % len(LISTS)], _bearer(place))

    def _page(self, place: int, number: int) -> bytes:
        one = f"/desk/cancellations/{self._id(number)}"
        pages = ("/", "/desk/cancellations?state=queued", one)
        cookie = self.cookies[place % len(self.cookies)]
        return get(pages[number % len(pages)], f"Cookie: {cookie}")

    def _id(self, number: int) -> str:
        return self.known[number % len(self.known)]


def ask(plan: Plan) -> Result:
    """Measure requests a second, and the time of each kind of request."""
    found: dict[str, list[Seen]] = {kind: [] for kind in plan.databases}
    for _ in range(plan.rounds):
        for kind, rounds in found.items():
            rounds.append(_once(plan, kind))
    rows = [row for kind, rounds in found.items() for row in rows_of(kind, rounds)]
    targets = [
        Target(_case(ERRORS, kind), US, 0, at_most=True) for kind in plan.databases
    ]
    return Result("load", "The HTTP API under load", HOW, rows, targets, "log")


def _once(plan: Plan, kind: str) -> Seen:
    with ApiServer(plan.stage(kind), "ithink") as server:
        server.wait()
        client = Client(_submit_known(server), [_session(server, t) for t in TOKENS])
        limits = Limits(4.0 if plan.quick else 10.0, plan.size(50_000, 50_000))
        seen = load(("127.0.0.1", server.port), client.kinds(), limits)
        for group in server.groups:
            group.check()
    say(f"  {kind}: {_rate(seen):,.0f} requests/s, {seen.errors} errors")
    for example in seen.examples:
        say(f"    {example}")
    return seen


def _submit_known(server: ApiServer) -> list[str]:
    """Submit what the load reads; returns the ids."""
    found: list[str] = []
    for first in range(FIRST, FIRST + KNOWN, 1_000):
        reply = requests.post(
            server.url + PATH,
            data=_many(first, 1_000),
            headers={
                "Authorization": f"Bearer {TOKENS[0]}",
                "Content-Type": "application/json",
            },
            timeout=60,
        )
        reply.raise_for_status()
        found += [one["id"] for one in reply.json()["cancellations"]]
    return found


def _session(server: ApiServer, token: str) -> str:
    """Sign in; returns the session's cookie."""
    where = f"{server.url}/desk/sign-in"
    reply = requests.post(
        where, data={"token": token}, allow_redirects=False, timeout=60
    )
    if not reply.cookies:
        raise BenchError(f"the dashboard refused to sign in: {reply.status_code}")
    [(name, value)] = reply.cookies.items()
    return f"{name}={value}"


def _entry(order: int) -> dict[str, str]:
    return {"provider": "ithink", "order": str(order), "group": "load"}


def _many(first: int, size: int) -> bytes:
    entries = [_entry(order) for order in range(first, first + size)]
    return json.dumps({"cancellations": entries}).encode()


def _bearer(place: int) -> str:
    return f"Authorization: Bearer {TOKENS[place % len(TOKENS)]}"


# --- rows -----------------------------------------------------------------------------


def rows_of(kind: str, rounds: Sequence[Seen]) -> list[Row]:
    """The rows of one database: all requests, each kind, and the errors."""
    total = Row(_case(ALL, kind), US, "a second", [_rate(one) for one in rounds])
    of_kinds = [
        row for what in rounds[0].waits for row in _kind_rows(kind, what, rounds)
    ]
    errors = [float(one.errors) for one in rounds]
    return [total, *of_kinds, Row(_case(ERRORS, kind), US, "errors", errors)]


def _kind_rows(kind: str, what: str, rounds: Sequence[Seen]) -> Iterator[Row]:
    case = _case(what, kind)
    rates = [len(one.waits[what]) / one.seconds for one in rounds]
    yield Row(case, f"{US}, requests", "a second", rates)
    # Over all rounds: one is too small for a 99th percentile.
    waits = [wait for one in rounds for wait in one.waits[what]]
    for name, share in SHARES.items() if waits else ():
        yield Row(case, f"{US}, {name}", "ms", [percentile(waits, share) * 1000])


def _case(what: str, kind: str) -> str:
    return f"{what}, {kind}"


def _rate(seen: Seen) -> float:
    return sum(map(len, seen.waits.values())) / seen.seconds
