"""Everything that a limited token sees or does is within its limits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rescind.config.access_tokens import Access
from rescind.config.times import utc_now
from rescind.config.token_list import listed, parsed
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.group_end_requests import request_ends
from rescind.ledger.changes.recording import new_id
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from tests.api.conftest import EVERYTHING, TOKENS, ApiServer, problem
from tests.ledger.build import LANE, NOW, SECOND, change, hold, make, new
from tests.ledger.single import record_calls

SHOP, PANEL, NIGHT, BLIND = (
    f"{name}-0123456789abcdef" for name in ("shop", "panel", "night", "blind")
)
LIMITED = f"""
shop:submit+read+operate@notpanel/default:{SHOP}
panel:submit+read+operate@notpanel/*@ithink/*:{PANEL}
night:submit+read+operate@notpanel/*#nightly-*:{NIGHT}
blind:submit:{BLIND}
all:submit+read+operate:{EVERYTHING}
read:read:{TOKENS["read"]}
"""


@pytest.fixture
def limited(either: ApiServer, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """The HTTP API, on each database, with tokens that have limits."""
    callers = either.app.state.callers
    monkeypatch.setattr(callers, "_access", Access(parsed(listed(LIMITED, "here"))))
    return either


def submit(api: ApiServer, token: str, order: str, **more: Any) -> dict[str, Any]:
    entry = {"provider": "notpanel", "order": order, **more}
    answer = api.submit(entry, token=token)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed_by(api: ApiServer, token: str, query: str = "") -> set[str]:
    answer = api.get(f"/v1/cancellations?limit=1000{query}", token=token)
    assert answer.status_code == 200, answer.text
    return {one["order"] for one in answer.json()["cancellations"]}


# --- groups ---------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "whole"), [(SHOP, False), (EVERYTHING, True)])
def test_only_who_may_see_a_whole_group_sees_who_is_told_of_its_end(
    limited: ApiServer, token: str, whole: bool
) -> None:
    submit(limited, EVERYTHING, "ord_1", group="g")
    with writing(limited.context.engine) as connection:
        one = new("2", group="g", on_group_end="https://shop.example.com/")
        request_ends(connection, [one], NOW)
    told = limited.get("/v1/groups/g", token=token).json()
    assert (told["total"], bool(told["told"])) == (1, whole)


# --- plans ----------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "named"), [(SHOP, False), (EVERYTHING, True)])
def test_only_who_may_see_a_predecessor_gets_its_id(
    limited: ApiServer, token: str, named: bool
) -> None:
    before = submit(limited, EVERYTHING, "AWB1", provider="ithink")["id"]
    own = submit(limited, EVERYTHING, "ord_1", after=[before])["id"]
    limited.ask("DELETE", f"/v1/cancellations/{before}", EVERYTHING)
    answer = limited.get(f"/v1/cancellations/{own}", token=token)
    shown = answer.json()
    assert shown["state"] == "withdrawn"
    assert (before in answer.text) is named
    [after] = shown["after"]
    assert (after["id"], after["met"]) == (before if named else None, False)


# --- calls ----------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "named"), [(SHOP, False), (EVERYTHING, True)])
def test_a_limited_token_is_not_told_which_host_made_a_call(
    limited: ApiServer, token: str, named: bool
) -> None:
    id_ = submit(limited, SHOP, "ord_1")["id"]
    engine = limited.context.engine
    [held] = hold(engine, now=utc_now() + SECOND)
    call = CallMade(new_id(), "cancel", "answered", SECOND, NOW, (id_,))
    with writing(engine) as connection:
        record_calls(connection, *LANE, [call])
    make(engine, [replace(change(held, State.CANCELLED), call_id=call.id)])
    told = limited.get(f"/v1/cancellations/{id_}", token=token).json()
    evidence = told["history"][-1]["evidence"]
    assert evidence["call"] == call.id
    assert ("worker" in evidence) is named


# --- submitting -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "entry", "param"),
    [
        (SHOP, {"account": "second"}, "/account"),
        (SHOP, {"account": "unknown"}, "/account"),
        (SHOP, {"provider": "ithink"}, "/provider"),
        (NIGHT, {}, "/group"),
        (NIGHT, {"group": "daily"}, "/group"),
        (NIGHT, {"group": "nightly"}, "/group"),
    ],
)
def test_a_submission_outside_the_limits_is_refused_and_leaves_no_trace(
    limited: ApiServer, token: str, entry: dict[str, str], param: str
) -> None:
    entry = {"provider": "notpanel", "order": "ord_1", **entry}
    told = problem(limited.submit(entry, token=token), 403, "forbidden")
    assert (told["code"], told["param"]) == ("outside_limits", param)
    its_own = {SHOP: "notpanel/default", NIGHT: "notpanel/*#nightly-*"}
    assert told["detail"].endswith(
        f"the limits of the token, which are {its_own[token]}"
    )
    assert told["id"] is None
    many = limited.submit(entry, entry, token=token).json()["cancellations"]
    assert [one["id"] for one in many] == [None, None]
    assert many[1]["param"] == f"/cancellations/1{param}"
    assert limited.rows() == []


def test_a_wrong_entry_is_kept_only_within_the_limits(limited: ApiServer) -> None:
    wrong = {"provider": "notpanel", "order": "?"}
    kept = problem(limited.submit(wrong, token=SHOP), 422, "invalid-request")
    assert limited.get(f"/v1/cancellations/{kept['id']}", token=SHOP).status_code == 200
    # The same fault of another token is a row of its own.
    other = problem(limited.submit(wrong, token=PANEL), 422, "invalid-request")
    assert other["id"] != kept["id"]
    strays: list[Any] = [{"order": "ord_1"}, {"provider": "no", "order": "1"}, []]
    for entry in strays:
        answer = limited.submit(entry, {}, token=SHOP)
        assert answer.json()["cancellations"][0]["id"] is None
    assert len(limited.rows()) == 2


def test_no_message_names_an_account_of_others(limited: ApiServer) -> None:
    wrong = {"provider": "notpanel", "order": "ord_1", "account": "third"}
    told = problem(limited.submit(wrong, token=PANEL), 422, "invalid-request")
    assert told["code"] == "unknown_account"
    assert "second" in told["detail"]
    told = problem(limited.submit(wrong, token=SHOP), 403, "forbidden")
    assert "second" not in str(told)


# --- keys -----------------------------------------------------------------------------


def test_a_key_of_one_token_never_blocks_anothers_order(limited: ApiServer) -> None:
    # The attacker uses the victim's orders and keys as its own keys, and claims the
    # order itself far in the future.
    for key in ("ord_1", "mine"):
        submit(limited, SHOP, "ord_666", key=key)
    submit(limited, PANEL, "ord_1", key="early", not_before="+300d")
    submit(limited, SHOP, "ord_1", key="default", not_before="+300d")
    for token in (PANEL, EVERYTHING):
        assert submit(limited, token, "ord_1")["receipt"] == "accepted"
        keyed = submit(limited, token, "ord_2", key="mine")
        assert keyed["receipt"] == "accepted"
        # A repeat is a duplicate of the token's own.
        again = submit(limited, token, "ord_2", key="mine")
        assert (again["id"], again["receipt"]) == (keyed["id"], "duplicate")


def test_a_token_sees_its_keys_as_it_sent_them(limited: ApiServer) -> None:
    found = submit(limited, SHOP, "ord_1", key="a/b")
    named = submit(limited, SHOP, "ord_2")
    for path, key, of in (
        ("notpanel/default/a/b", "a/b", found),
        ("notpanel/default/ord_2", "ord_2", named),
    ):
        one = limited.get(f"/v1/cancellations/{path}", token=SHOP).json()
        assert (one["id"], one["key"]) == (of["id"], key)
        problem(limited.get(f"/v1/cancellations/{path}"), 404, "not-found")
    everyone = limited.get(f"/v1/cancellations/{found['id']}").json()
    assert everyone["key"] == "token:shop:a/b"
    path = "/v1/cancellations/notpanel/default/token:shop:a/b"
    assert limited.get(path).json()["id"] == found["id"]


def test_keys_of_limited_tokens_are_reserved(limited: ApiServer) -> None:
    wrong = {"provider": "notpanel", "order": "ord_1", "key": "token:shop:x"}
    told = problem(limited.submit(wrong), 422, "invalid-request")
    assert (told["code"], told["param"]) == ("reserved_key", "/key")


def test_a_conflict_tells_another_order_only_to_who_may_read_it(
    limited: ApiServer,
) -> None:
    first = submit(limited, EVERYTHING, "ord_5ecret", key="k")
    other = {"provider": "notpanel", "order": "ord_2", "key": "k"}
    told = problem(limited.submit(other), 422, "invalid-request")
    assert told["code"] == "key_conflict"
    assert "ord_5ecret" in told["detail"]
    told = problem(limited.submit(other, token=BLIND), 422, "invalid-request")
    assert told["code"] == "key_conflict"
    assert "ord_5ecret" not in str(told)
    assert first["id"] not in str(told)


# --- looking and operating ------------------------------------------------------------


def test_what_is_outside_the_limits_is_answered_as_if_it_did_not_exist(
    limited: ApiServer,
) -> None:
    there = submit(limited, EVERYTHING, "ord_1", account="second", group="daily")["id"]
    gone = "01a1ff28-08b0-70c3-a63c-0483b0053884"
    for path in (
        "/v1/cancellations/{}",
        "/v1/cancellations/notpanel/second/ord_{}",
        "/v1/groups/{}",
        "/v1/lanes/notpanel/{}",
    ):
        mine = {"{}": there, "ord_{}": "1", "groups": "daily", "lanes": "second"}
        name = next(value for part, value in reversed(mine.items()) if part in path)
        answers = [
            limited.get(path.format(one), token=SHOP) for one in (name, f"{gone}x")
        ]
        told = [problem(answer, 404, "not-found") for answer in answers]
        assert told[0].pop("request_id") != told[1].pop("request_id")
        assert told[0] == told[1]
    for path in (f"/v1/cancellations/{there}/retry", "/v1/lanes/notpanel/second/hold"):
        problem(limited.post(path, token=SHOP), 404, "not-found")
    assert limited.get("/v1/lanes/notpanel/second").json()["status"] == "open"


@pytest.mark.parametrize("query", ["", "?by=shop&action=submit", "?by="])
def test_a_limited_token_lists_no_actions_whatever_the_filter(
    limited: ApiServer, query: str
) -> None:
    submit(limited, SHOP, "ord_1")
    for token in (SHOP, PANEL, NIGHT):
        problem(limited.get(f"/v1/actions{query}", token=token), 403, "forbidden")


LANES = [("notpanel", "default"), ("notpanel", "second"), ("ithink", "default")]
GROUPS = [None, "daily", "nightly-1", "nightly-2"]
ROW = st.tuples(st.sampled_from(LANES), st.sampled_from(GROUPS))


def is_within(token: str, one: dict[str, Any]) -> bool:
    if token == SHOP:
        return (one["provider"], one["account"]) == LANES[0]
    nightly = (one["group"] or "").startswith("nightly-")
    return token == PANEL or (one["provider"] == "notpanel" and nightly)


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(rows=st.lists(ROW, max_size=9))
def test_a_list_holds_exactly_what_is_within_the_limits(
    limited: ApiServer, rows: list[tuple[tuple[str, str], str | None]]
) -> None:
    with writing(limited.context.ledger()) as connection:
        connection.exec_driver_sql("DELETE FROM cancellation")
    entries = [
        {"provider": p, "account": a, "order": f"A{n:05}", "group": g}
        for n, ((p, a), g) in enumerate(rows)
    ]
    if entries:
        told = limited.submit(*entries).json()
        assert told.get("counts", {}).get("refused", 0) == 0, told
    for token in (SHOP, PANEL, NIGHT):
        allowed = partial(is_within, token)
        orders = {one["order"] for one in entries if allowed(one)}
        assert listed_by(limited, token) == orders
        assert listed_by(limited, token, "&state=queued&state=sending") == orders
        assert listed_by(limited, token, "&by=all&since=2020-01-01T00:00:00Z") == orders
        assert listed_by(limited, token, "&by=shop") == set()
        nightly = {
            o["order"] for o in entries if allowed(o) and o["group"] == GROUPS[2]
        }
        assert listed_by(limited, token, "&group=nightly-1") == nightly
        group = limited.get("/v1/groups/nightly-1", token=token)
        assert group.status_code == (200 if nightly else 404)
        if nightly:
            assert group.json()["total"] == len(nightly)


def test_lanes_are_shown_only_to_tokens_that_have_all_of_them(
    limited: ApiServer,
) -> None:
    def lanes(token: str) -> list[str]:
        answer = limited.get("/v1/lanes", token=token).json()["lanes"]
        return [one["lane"] for one in answer]

    assert lanes(SHOP) == ["notpanel/default"]
    assert lanes(PANEL) == ["ithink/default", "notpanel/default", "notpanel/second"]
    assert lanes(NIGHT) == []
    assert "akinon/default" in lanes(EVERYTHING)
    problem(
        limited.post("/v1/lanes/notpanel/default/hold", token=NIGHT), 404, "not-found"
    )
    held = limited.post("/v1/lanes/notpanel/default/hold", token=SHOP)
    assert held.json()["status"] == "held"


def test_metrics_need_a_token_without_limits(limited: ApiServer) -> None:
    told = problem(limited.get("/metrics", token=SHOP), 403, "forbidden")
    assert told["code"] == "outside_limits"
    assert limited.get("/metrics", token=TOKENS["read"]).status_code != 403
