"""``GET /v1/actions`` is filtered by who, by the kind of action and by a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from rescind.browse.action_listing import find_actions
from rescind.ledger.action_kinds import Action
from tests.api.conftest import ApiServer, problem
from tests.ledger.acted import done, fill

ANN, BEN = "token:ann", "cli:ben@host"
BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAYS = 4


def some(api: ApiServer) -> None:
    """Ann holds a lane each day, and Ben resumes it an hour later."""
    rows = []
    for day in range(DAYS):
        at = BEGIN + timedelta(days=day)
        rows.append(done(ANN, Action.HOLD, at))
        rows.append(done(BEN, Action.RESUME, at + timedelta(hours=1)))
    fill(api.context.engine, rows)


def page(api: ApiServer, query: str) -> dict[str, Any]:
    answer = api.get(f"/v1/actions?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("query", "days", "actors"),
    [
        ("", 4, {ANN, BEN}),
        ("by=token:ann", 4, {ANN}),
        ("by=ben@host", 4, {BEN}),
        ("by=nobody", 0, set()),
        ("by=nobody%00", 0, set()),
        ("action=resume", 4, {BEN}),
        ("action=prune", 0, set()),
        ("by=ann&action=resume", 0, set()),
        ("since=2026-11-22T10:00:00Z", 2, {ANN, BEN}),
        ("until=2026-11-21T10:00:00Z", 2, {ANN, BEN}),
        ("since=2026-11-21T13:00:00%2B03:00&until=2026-11-22T09:00:00Z", 1, {BEN}),
    ],
)
def test_an_action_must_match_every_filter(
    either: ApiServer, query: str, days: int, actors: set[str]
) -> None:
    some(either)
    found = page(either, query)
    assert len({one["at"][:10] for one in found["actions"]}) == days
    assert {one["by"] for one in found["actions"]} == actors
    assert found["next"] is None


def test_a_period_has_its_first_moment_and_not_its_last(api: ApiServer) -> None:
    some(api)
    first, end = BEGIN.isoformat(), (BEGIN + timedelta(hours=1)).isoformat()
    found = page(api, f"since={quote(first)}&until={quote(end)}")
    assert [one["by"] for one in found["actions"]] == [ANN]


@pytest.mark.parametrize("scanned", [1, 2, 3, 20_000])
def test_pages_keep_the_filter_and_hold_each_match_once(
    either: ApiServer, monkeypatch: pytest.MonkeyPatch, scanned: int
) -> None:
    """Also if a page ends because it has read enough actions."""
    some(either)
    bounded = partial(find_actions, scanned=scanned)
    monkeypatch.setattr("rescind.api.action_routes.find_actions", bounded)
    query, found, cursor = "by=ann&limit=1&since=2026-11-21T00:00:00Z", [], ""
    for _ in range(2 * DAYS + 2):
        told = page(either, f"{query}{cursor}")
        assert len(told["actions"]) <= 1
        found += told["actions"]
        if told["next"] is None:
            break
        cursor = f"&cursor={told['next']}"
    assert told["next"] is None
    assert [one["at"][:10] for one in found] == [
        "2026-11-23",
        "2026-11-22",
        "2026-11-21",
    ]
    assert {one["by"] for one in found} == {ANN}


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("by=", "by", "such as token:ann"),
        ("by=tokens:ann", "by", "token, oidc, cli, schedule, celery"),
        (f"by={'x' * 201}", "by", "200"),
        ("action=held", "action", "'resume'"),
        ("action=", "action", "'resume'"),
        ("since=yesterday", "since", "ISO 8601"),
        ("since=2026-11-21", "since", "offset"),
        ("since=2026-11-21T00:00:00+03:00", "since", "must be ISO 8601"),
        ("since=2026-11-21T00:00:00+03:00", "since", "+ is written %2B"),
        ("until=", "until", "ISO 8601"),
        (
            "since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z",
            "until",
            "later than since",
        ),
        ("action=hold&action=resume", "action", "more than once"),
        ("cursor=x", "cursor", "the same filters"),
    ],
)
def test_a_wrong_filter_is_refused_and_named(
    api: ApiServer, query: str, name: str, says: str
) -> None:
    told = problem(api.get(f"/v1/actions?{query}"), 422, "invalid-request")
    assert (told["code"], told["param"]) == ("invalid_parameter", f"/query/{name}")
    assert told["detail"].startswith(name)
    assert says in told["detail"]


def test_the_document_names_each_filter_and_each_kind(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    parameters = document["paths"]["/v1/actions"]["get"]["parameters"]
    known = {one["name"]: one for one in parameters}
    assert known.keys() == {"by", "action", "since", "until", "limit", "cursor"}
    assert all(
        known[name]["description"] for name in ("by", "action", "since", "until")
    )
    assert known["action"]["schema"]["anyOf"][0]["$ref"].endswith("/schemas/Action")
    assert document["components"]["schemas"]["Action"]["enum"] == list(Action)
