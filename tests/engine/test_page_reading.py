"""Orders are read from a list, page by page, within bounds, and are seldom gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from structlog.testing import capture_logs

from providers.notpanel import NotPanel, NotPanelAccount
from rescind.config.accounts import LaneConfig
from rescind.engine.calls import Caller
from rescind.engine.page_reading import PageWalk
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Permit
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.list_reading import ReadsByList
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Order,
    Outcome,
    Parsed,
    Reason,
    Throttled,
    UnreadableReplyError,
)
from tests.conftest import free_port
from tests.providers.conftest import Wire, wire

__all__ = ["wire"]
BASE = "http://127.0.0.1:9"
ACCOUNT = NotPanelAccount(key="the-key", base_url=BASE)
SECOND = timedelta(seconds=1)
NOW = datetime(2020, 11, 20, tzinfo=UTC)
GONE = Finding(Outcome.GONE)
SAID = {
    "cancelled": Finding(Outcome.CANCELLED, Reason.CONFIRMED),
    "active": Finding(Outcome.ACTIVE),
    "requested": Finding(Outcome.REQUESTED),
    "unknown": Finding(Outcome.UNKNOWN),
}


class Listing(NotPanel, ReadsByList[NotPanelAccount]):
    """Lists orders; each page names the next one."""

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole

    def build_read(
        self, account: NotPanelAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        return Request("GET", f"{account.base_url}/orders?page=0")

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        found = reply.json_object()["orders"]
        return Findings({order: SAID[said] for order, said in found.items()})

    def next_page(
        self,
        account: NotPanelAccount,
        token: str | None,
        orders: Sequence[Order],
        reply: Reply,
    ) -> Request | None:
        following = reply.json_object().get("next")
        if following == "?":
            raise UnreadableReplyError("no page")
        return Request("GET", following) if following else None

    def is_whole(self, reply: Reply) -> bool:
        return self.whole


Pages = Sequence[dict[str, str] | Exchange]


class Server:
    """Answers with these pages, one after the other."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def ask(self, request: Request, parse: Callable[[Reply], Parsed]) -> Exchange:
        self.asked.append(request.url)
        page = self.pages[len(self.asked) - 1]
        if isinstance(page, Exchange):
            return page
        more = len(self.asked) < len(self.pages)
        named = f"{BASE}/orders?page={len(self.asked)}" if more else page.get("next")
        orders = {name: said for name, said in page.items() if name != "next"}
        body = json.dumps({"orders": orders, "next": named}).encode()
        parsed, at = parse(Reply(200, {}, body)), NOW + len(self.asked) * SECOND
        return Exchange(Evidence.ANSWERED, parsed, 200, SECOND, asked_at=at)


def walked(
    server: Server, *orders: str, whole: bool = False, further: int = 99
) -> Exchange:
    """The reading of these orders. ``further`` pages may follow the first."""
    left = iter([True] * further)
    sought = [Order(one) for one in orders]
    go_on = lambda: next(left, False)  # noqa: E731
    walk = PageWalk(Listing(whole=whole), ACCOUNT, None, sought, server.ask, go_on)
    return walk.read(Request("GET", f"{BASE}/orders?page=0"))


def found(result: Exchange) -> dict[str, str]:
    assert isinstance(result.parsed, Findings)
    return {name: str(one.outcome) for name, one in result.parsed.by_order.items()}


PAGES: Pages = ({"a": "active"}, {"b": "cancelled"}, {"c": "requested"})


def test_the_walk_ends_with_the_last_order_that_is_sought() -> None:
    server = Server(PAGES)
    assert found(walked(server, "b"))["b"] == "cancelled"
    assert server.asked == [f"{BASE}/orders?page={n}" for n in range(2)]


def test_the_whole_is_as_old_as_its_first_page_and_took_as_long_as_all() -> None:
    result = walked(Server(PAGES), "a", "c")
    assert (result.asked_at, result.took) == (NOW + SECOND, 3 * SECOND)


@pytest.mark.parametrize("whole", [True, False])
def test_an_order_on_no_page_is_gone_only_if_the_list_is_whole(whole: bool) -> None:
    result = walked(Server(PAGES), "a", "x", whole=whole)
    assert found(result).get("x") == ("gone" if whole else None)
    assert found(result)["a"] == "active"


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_walk_that_was_cut_short_calls_no_order_gone(
    pages: int, further: int
) -> None:
    server = Server([{f"{n}": "active"} for n in range(pages + 1)])
    result = walked(server, "x", whole=True, further=further)
    assert len(server.asked) == min(1 + pages, 1 + further, Listing.most_pages)
    assert ("x" in found(result)) is (len(server.asked) == pages + 1)


FAILED = Exchange(Evidence.MAYBE_DONE, detail="connection lost")
BUSY = Exchange(Evidence.THROTTLED, Throttled(SECOND), 429)


@pytest.mark.parametrize("fault", [FAILED, BUSY])
def test_a_page_that_cannot_be_had_takes_nothing_from_those_before_it(
    fault: Exchange,
) -> None:
    result = walked(Server([{"a": "active"}, fault, {}]), "a", "x", whole=True)
    assert found(result) == {"a": "active"}
    assert walked(Server([fault, {}]), "x", whole=True) == fault
    assert walked(Server([{}, fault, {}]), "x", whole=True) == fault


@pytest.mark.parametrize(
    "named", ["https://evil.example/orders", f"{BASE}9/orders", "?", 7]
)
def test_the_credentials_follow_no_page_to_another_address(named: object) -> None:
    server = Server([{"next": named}])  # type: ignore[dict-item]
    with capture_logs() as logs:
        result = walked(server, "x", whole=True)
    assert (found(result), len(server.asked), len(logs)) == ({}, 1, 1)


# --- with real calls ------------------------------------------------------------------


def caller(wire: Wire, whole: bool = False) -> Caller:
    account = NotPanelAccount(key="the-key", base_url=f"http://127.0.0.1:{wire.port}")
    provider = Listing(whole=whole)
    config = LaneConfig(provider, provider.policy, account)
    seal = Seal(new_key())
    tokens = Tokens(Redis.from_url(f"redis://127.0.0.1:{free_port()}"), seal)
    return Caller(("notpanel", "default"), config, "verify", seal, tokens)


def claimed(order: str, lease: timedelta) -> Claimed:
    now = datetime.now(UTC)
    progress = Progress(State.VERIFYING, attempts=1, due_at=now + lease, since=now)
    return Claimed(order, Order(order), 2, now, progress)


def serve_pages(wire: Wire) -> None:
    def say(connection: object) -> None:
        number = len(wire.requests) - 1
        following = f"http://127.0.0.1:{wire.port}/orders?page={number + 1}"
        orders = {f"o{number}": "cancelled"}
        body = json.dumps({"orders": orders, "next": following if number < 2 else None})
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())  # type: ignore[attr-defined]

    say.keeps_alive = True  # type: ignore[attr-defined]
    wire.says = say


@pytest.mark.parametrize("whole", [True, False])
def test_a_reading_asks_for_page_after_page(wire: Wire, whole: bool) -> None:
    serve_pages(wire)
    lease = timedelta(minutes=5)
    sought = [claimed(one, lease) for one in ("o2", "x")]
    result = caller(wire, whole).call(sought)
    assert len(wire.requests) == 3
    said = {one: str(getattr(e, "outcome", e)) for one, e in result.events.items()}
    assert said == {"o2": "cancelled", "x": "gone" if whole else "unknown"}
    assert result.call is not None


def test_a_further_page_takes_a_place_in_the_rate_of_its_lane(wire: Wire) -> None:
    serve_pages(wire)
    places = [[Permit(names=["second"])], []]
    permit = Permit(names=["first"], more=lambda: places.pop(0))
    result = caller(wire, whole=True).call([claimed("x", timedelta(minutes=5))], permit)
    assert (len(wire.requests), permit.names) == (2, ["first", "second"])
    assert result.events["x"] == Finding(Outcome.UNKNOWN)


class Single(NotPanel):
    """Reads an order by itself: it is always active."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({order.id: Finding(Outcome.ACTIVE) for order in orders})


@pytest.mark.parametrize("operation", ["verify", "poll"])
def test_an_order_is_read_to_verify_and_to_poll_it(wire: Wire, operation: str) -> None:
    serve_pages(wire)
    config = LaneConfig(Single(), Single.policy, caller(wire).config.account)
    reader = replace(caller(wire), config=config, operation=operation)
    result = reader.call([claimed("o1", timedelta(minutes=5))])
    found = result.events["o1"]
    assert isinstance(found, Finding)
    assert found.outcome is Outcome.ACTIVE
