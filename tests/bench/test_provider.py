"""The benchmark's provider replies as the providers' own pages document."""

from __future__ import annotations

from typing import Any

import pytest

from bench.peers import work
from bench.stub_provider import Books, answer
from providers.registry import BY_NAME
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Findings, Order, Outcome

ACCOUNTS: dict[str, dict[str, str]] = {
    "iletimerkezi": {"key": "k", "hash": "h"},
    "ithink": {"access_token": "a", "secret_key": "s"},
    "notpanel": {"key": "k"},
}
DONE = {
    "iletimerkezi": Outcome.CANCELLED,
    "ithink": Outcome.CANCELLED,
    "notpanel": Outcome.REQUESTED,
}
ORDERS = {"iletimerkezi": 1, "ithink": 3, "notpanel": 3}


def _asked(books: Books, name: str, orders: list[Order], what: str, at: float) -> Any:
    provider: Any = BY_NAME[name]
    base = {"base_url": f"http://127.0.0.1/{name}", **ACCOUNTS[name]}
    account = provider.account_model.model_validate(base)
    request = getattr(provider, f"build_{what}")(account, None, orders)
    path = request.url.removeprefix("http://127.0.0.1")
    body = answer(books, path, request.body, at)
    assert body is not None
    return getattr(provider, f"parse_{what}")(orders, Reply(200, {}, body))


@pytest.mark.parametrize("name", DONE)
@pytest.mark.parametrize("alone", [True, False])
def test_a_cancel_is_answered_for_every_order(name: str, alone: bool) -> None:
    books = Books()
    many = 1 if alone else ORDERS[name]
    orders = [Order(str(10_000_000 + n)) for n in range(many)]
    found = _asked(books, name, orders, "cancel", 1.0)
    assert isinstance(found, Findings)
    assert {found.of(o.id).outcome for o in orders} == {DONE[name]}
    assert books.summary() == {"orders": many, "calls": {f"{name}.cancel": 1}}


@pytest.mark.parametrize("many", [1, 3])
def test_notpanel_is_final_once_it_has_settled(many: int) -> None:
    books = Books(settle=3.0)
    orders = [Order(f"ord_{n}") for n in range(many)]
    _asked(books, "notpanel", orders, "cancel", 10.0)
    early = _asked(books, "notpanel", orders, "read", 12.9)
    late = _asked(books, "notpanel", orders, "read", 13.0)
    assert {early.of(o.id).outcome for o in orders} == {Outcome.ACTIVE}
    assert {late.of(o.id).outcome for o in orders} == {Outcome.CANCELLED}


def test_a_waiter_is_notified_when_its_order_arrives() -> None:
    books, arrivals = Books(), list[float]()
    books.waiting["10000001"] = arrivals.append
    _asked(books, "ithink", [Order("10000000")], "cancel", 1.0)
    assert arrivals == []
    _asked(books, "ithink", [Order("10000001")], "cancel", 2.0)
    assert arrivals == [2.0]


def test_an_unknown_call_has_no_reply() -> None:
    assert answer(Books(), "/ithink/api_v3/order/track.json", b"{}", 1.0) is None


@pytest.mark.parametrize("name", DONE)
def test_the_peers_understand_it_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books()

    def post(path: str, **body: Any) -> Any:
        import requests

        prepared = requests.Request("POST", f"http://x/{path}", **body).prepare()
        given = prepared.body
        raw = given.encode() if isinstance(given, str) else bytes(given or b"")
        said = answer(books, f"/{path}", raw, 1.0)
        assert said is not None
        return Reply(200, {}, said).json()

    monkeypatch.setattr(work, "_post", post)
    expected = "requested" if name == "notpanel" else "cancelled"
    assert work.CANCELS[name](["10000000"]) == [expected]
