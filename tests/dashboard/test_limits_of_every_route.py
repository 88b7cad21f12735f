"""No route shows or changes what is outside the limits of a token.

The walk asks every route of the API and every page, first without and then with work
of another account. A limited token must get the same answers, down to the counts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from openpyxl import load_workbook
from sqlalchemy import select, update
from sqlmodel import SQLModel

from rescind.config.access_tokens import Access
from rescind.config.redis_client import redis_client
from rescind.config.token_list import listed, parsed
from rescind.dashboard.listing_filter import NAMES, listing_in_query
from rescind.dashboard.workbook_writer import TYPE as WORKBOOK
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.changes.operator_actions import Subject
from rescind.ledger.states import State
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import (
    MEAL,
    OPERATOR,
    PANEL,
    Served,
    Visitor,
    an_action,
    end,
    set_lane,
    take_in,
    utc_now,
)
from tests.dashboard.test_actors import every

LIMITED = "a-limited-token-of-some-length"
SCOPES = "read+submit+operate"
TOKENS = f"ann:{SCOPES}:{OPERATOR},shop:{SCOPES}@notpanel/*:{LIMITED}"
ORDER, GROUP = "6fa459ea-ee8a-3ca4-894e-db77e160355e", "others-group"
ACCOUNT = MEAL[1]
LANE = "/".join(MEAL)
FAILED = (State.FAILED, Reason.UNRESOLVED)
VALUES: dict[str, str] = {
    "q": ORDER,
    "group": GROUP,
    "name": GROUP,
    "order": ORDER,
    "provider": MEAL[0],
    "account": ACCOUNT,
    "lane": LANE,
    "state": "failed",
    "reason": "unresolved",
    "by": "token:tests",
    "since": "2020-01-01T00:00:00Z",
    "updated_since": "2020-01-01T00:00:00Z",
}
KINDS = ("", ".csv", ".xlsx")
OPEN = re.compile(
    r"/(healthz|readyz|openapi.json|errors/.*|desk/(sign-|static|language|openid).*)"
)
"""Routes that need no token, or that show no work."""
CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d[T ][\d:.]+Z?|\d+ (s|min) ago"
    r'|"oldest_seconds":[\d.]+|name="form_key" value="[^"]+"'
)
"""What differs between two answers to one request."""


@pytest.fixture
def shop(site: Served, monkeypatch: pytest.MonkeyPatch, valkey_url: str) -> Served:
    access = Access(parsed(listed(TOKENS, "here")))
    monkeypatch.setattr(site.context, "access", access)
    monkeypatch.setattr(site.app.state.callers, "_access", access)
    site.context.redis = redis_client(valkey_url)
    hook: dict[str, Any] = {"callback_url": "https://shop.example.com/hook"}
    at = utc_now() - timedelta(minutes=40, seconds=20)
    end(site.engine, PANEL, "ord_1", *FAILED, at=at, **hook)
    take_in(site.engine, PANEL, "ord_2", at=at, group="mine")
    return site


def fill_for_others(shop: Served) -> list[str]:
    """Work of another account; gives back the ids of its cancellations."""
    hook: dict[str, Any] = {"callback_url": "https://others.example.com/hook"}
    ids = [end(shop.engine, MEAL, ORDER, *FAILED, group=GROUP, **hook)]
    ids.append(take_in(shop.engine, MEAL, f"{ORDER[:-1]}f", group=GROUP))
    with writing(shop.engine) as connection:
        connection.execute(update(DELIVERY).values(state="given_up", due_at=None))
    set_lane(shop.engine, MEAL, LaneState(failures=2))
    an_action(shop.engine, Action.RETRY, Subject(MEAL, ids[0], 1), utc_now())
    return ids


def routes(shop: Served, *methods: str) -> Iterator[tuple[str, APIRoute]]:
    for route in every(shop.app):
        if not OPEN.fullmatch(route.path):
            yield from (
                (m, route) for m in sorted((route.methods or set()) & set(methods))
            )


def address(route: APIRoute, its_id: str) -> str:
    named = dict.fromkeys(("id", "name"), its_id)
    named |= dict(zip(("provider", "account"), MEAL, strict=True))
    named |= {"key": ORDER, "group": GROUP}
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: named[found[1]], route.path)


def ask(
    visitor: Visitor, token: str, method: str, path: str, **more: Any
) -> requests.Response:
    if not path.startswith("/desk") and path != "/":
        more["headers"] = {"Authorization": f"Bearer {token}"}
    return visitor._ask(method, path, **more)


def fields_of(route: APIRoute) -> set[str]:
    """The fields that a route takes in its address."""
    names = {one.alias for one in get_flat_params(route.dependant)}
    lists = any(one.call is listing_in_query for one in route.dependant.dependencies)
    return names | {"state", *NAMES} if lists else names


def text_of(answer: requests.Response) -> str:
    """What an answer says; of a workbook, its cells."""
    if answer.headers.get("content-type") == WORKBOOK:
        book = load_workbook(io.BytesIO(answer.content))
        return "\n".join(map(str, book.worksheets[0].iter_rows(values_only=True)))
    return answer.content.decode()


def walk(shop: Served, token: str, its_id: str) -> dict[str, str]:
    """The answer of every route that shows something, to every question."""
    visitor, told = shop.visitor(token), {}
    for _, route in routes(shop, "GET"):
        names = fields_of(route)
        queries = [f"?{name}={VALUES[name]}" for name in sorted(names & set(VALUES))]
        for query in ["", *queries] if token == LIMITED else [""]:
            path = address(route, its_id)
            if route.path == "/desk/events" and token == OPERATOR:
                continue  # it does not end
            answer = ask(visitor, token, "GET", path + query)
            text = text_of(answer)
            told[path + query] = f"{answer.status_code} {CHANGING.sub('*', text)}"
            if not query and path == route.path:
                assert token == OPERATOR or ACCOUNT not in text, path
    return told


def test_no_answer_to_a_limited_token_depends_on_the_work_of_others(
    shop: Served,
) -> None:
    nothing = "01a1ff28-08b0-70c3-a63c-0483b0053884"
    with writing(shop.engine) as connection:
        connection.execute(update(DELIVERY).values(state="given_up", due_at=None))
    before, seen = walk(shop, LIMITED, nothing), walk(shop, OPERATOR, nothing)
    its_id, _ = fill_for_others(shop)
    after, all_seen = walk(shop, LIMITED, its_id), walk(shop, OPERATOR, its_id)
    assert len(after) > 70
    assert {f"/desk/cancellations{kind}?q={ORDER}" for kind in KINDS} <= set(after)
    for then, now in zip(before.items(), after.items(), strict=True):
        assert then[1].replace(nothing, "*") == now[1].replace(its_id, "*"), now[0]
    # The walk does find the work of others where it may be shown.
    pairs = zip(seen.values(), all_seen.values(), strict=True)
    assert sum(then != now for then, now in pairs) > 15


def rows_about(shop: Served, ids: list[str]) -> list[str]:
    """Every row of the ledger that is about these cancellations or their lane."""
    found = []
    with reading(shop.engine) as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = (repr(tuple(row)) for row in connection.execute(select(table)))
            words = (*ids, ACCOUNT)
            found += [r for r in rows if any(word in r for word in words)]
    return sorted(found)


def test_no_request_of_a_limited_token_changes_the_work_of_others(
    shop: Served,
) -> None:
    ids = fill_for_others(shop)
    before, visitor = rows_about(shop, ids), shop.visitor(LIMITED)
    key = visitor.form_key("/desk/lanes/hold?lane=notpanel/default")
    forms: list[dict[str, Any]] = [
        {"id": ids, "lane": LANE, "provider": MEAL[0], "order": ORDER},
        {"every": "yes", "provider": MEAL[0], "lane": LANE},
        {"every": "yes", "q": ORDER, "id": ids[0], "lane": [LANE, "notpanel/default"]},
    ]
    entry = {"provider": MEAL[0], "account": ACCOUNT, "order": ORDER}
    asked, done = 0, 0
    for method, route in routes(shop, "POST", "DELETE"):
        path = address(route, ids[0])
        is_page = path.startswith("/desk")
        bodies: list[dict[str, Any]] = [{"json": entry}, {"json": {}}]
        if is_page:
            bodies = [{"data": {"form_key": key, **form}} for form in forms]
        for body in bodies:
            answer = ask(visitor, LIMITED, method, path, **body)
            asked, done = asked + 1, done + answer.ok
            assert answer.status_code < 500, path
            assert is_page or answer.status_code in (400, 403, 404, 422), path
            assert ids[1] not in answer.text, path
    # The forms are in order: what they say of the token's own lane was done.
    assert asked > 30
    assert done > 2
    assert rows_about(shop, ids) == before
