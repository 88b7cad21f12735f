"""``GET /v1/cancellations`` is filtered by reason, by who and by a period."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from rescind.browse import browsing
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.api.conftest import ApiServer, problem
from tests.ledger.submitted import ANN, BEGIN, BEN, fill_days

SINCE_EVER = "updated_since=2020-01-01T00:00:00Z"


def page(api: ApiServer, query: str, **more: Any) -> dict[str, Any]:
    answer = api.get(f"/v1/cancellations?{query}", **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def orders(api: ApiServer, query: str) -> list[str]:
    told = page(api, query)
    assert told["next"] is None
    return [one["order"] for one in told["cancellations"]]


FILTERS = [
    ("reason=refused", ["23-0", "22-0", "21-0", "20-0"]),
    ("reason=unresolved&by=ann&group=g", ["23-1", "22-1", "21-1", "20-1"]),
    ("reason=refused&state=failed", []),
    ("reason=confirmed", []),
    ("by=ben@host", ["23-2", "22-2", "21-2", "20-2"]),
    ("by=token:ann&state=failed", ["23-1", "22-1", "21-1", "20-1"]),
    ("by=nobody", []),
    ("by=nobody%00", []),
    ("since=2026-11-23T10:00:00Z", ["23-2"]),
    ("until=2026-11-20T10:00:00Z", ["20-1", "20-0"]),
    ("since=2026-11-21T13:00:00%2B03:00&until=2026-11-22T09:00:00Z", ["21-2"]),
    ("by=ben@host&since=2026-11-22T00:00:00Z&provider=notpanel", ["23-2", "22-2"]),
    ("order=22-1&by=ann&reason=unresolved", ["22-1"]),
    ("order=22-1&since=2026-11-23T00:00:00Z", []),
    ("account=default&reason=refused&until=2026-11-21T00:00:00Z", ["20-0"]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_a_cancellation_must_match_every_filter(
    either: ApiServer, query: str, found: list[str]
) -> None:
    fill_days(either.context.engine)
    assert orders(either, query) == found
    # The same filters choose among changes, the oldest first.
    assert orders(either, f"{SINCE_EVER}&{query}") == sorted(found)


def test_a_period_has_its_first_moment_and_not_its_last(api: ApiServer) -> None:
    fill_days(api.context.engine)
    first = quote(BEGIN.isoformat())
    assert orders(api, f"until={first}") == []
    assert orders(api, f"since={first}&until=2026-11-21T00:00:00Z&state=failed") == [
        "20-1"
    ]


@pytest.mark.parametrize("least", [1, 2, 3, 200])
def test_pages_keep_the_filter_and_hold_each_match_once(
    either: ApiServer, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    """Also if a page ends because it has read enough rows."""
    fill_days(either.context.engine)
    monkeypatch.setattr(browsing, "LEAST", least)
    bounded = partial(browsing.browse, scanned=1)
    monkeypatch.setattr("rescind.api.cancellation_lists.browse", bounded)
    query, found, cursor = "by=ann&limit=1&since=2026-11-21T00:00:00Z", [], ""
    for _ in range(14):
        told = page(either, f"{query}{cursor}")
        assert len(told["cancellations"]) <= 1
        found += [one["order"] for one in told["cancellations"]]
        if told["next"] is None:
            break
        cursor = f"&cursor={told['next']}"
    assert told["next"] is None
    assert found == ["23-1", "23-0", "22-1", "22-0", "21-1", "21-0"]


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("by=", "by", "such as token:ann"),
        ("by=tokens:ann", "by", "token, oidc, cli, schedule, celery"),
        (f"by={'x' * 201}", "by", "200"),
        ("reason=bad-luck", "reason", "'unresolved'"),
        ("reason=", "reason", "'unresolved'"),
        ("reason=refused&reason=partial", "reason", "more than once"),
        ("since=yesterday", "since", "ISO 8601"),
        ("since=2026-11-21", "since", "offset"),
        ("since=2026-11-21T00:00:00+03:00", "since", "%2B"),
        ("until=", "until", "ISO 8601"),
        (
            "since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z",
            "until",
            "later than since",
        ),
    ],
)
@pytest.mark.parametrize("before", ["", f"{SINCE_EVER}&"])
def test_a_wrong_filter_is_refused_and_named(
    api: ApiServer, before: str, query: str, name: str, says: str
) -> None:
    answer = api.get(f"/v1/cancellations?{before}{query}")
    told = problem(answer, 422, "invalid-request")
    assert (told["code"], told["param"]) == ("invalid_parameter", f"/query/{name}")
    assert told["detail"].startswith(name)
    assert says in told["detail"]


def test_the_document_names_each_filter_and_each_reason(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    parameters = document["paths"]["/v1/cancellations"]["get"]["parameters"]
    known = {one["name"]: one for one in parameters}
    named = ("reason", "by", "since", "until", "updated_since")
    assert all(known[name]["description"] for name in named)
    assert known["reason"]["schema"]["anyOf"][0]["$ref"].endswith("/schemas/Reason")
    assert document["components"]["schemas"]["Reason"]["enum"] == list(Reason)


def test_who_submitted_is_compared_with_what_the_list_shows(api: ApiServer) -> None:
    fill_days(api.context.engine)
    for by in (ANN, BEN):
        told = page(api, f"by={by}")["cancellations"]
        assert {one["by"] for one in told} == {by}
    assert {one["state"] for one in page(api, "by=ben@host")["cancellations"]} == {
        str(State.QUEUED)
    }
