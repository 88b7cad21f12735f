"""The list of plans, and the page of one: its verdict, its graph and its steps."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.config.access_tokens import Access
from rescind.config.token_list import listed, parsed
from rescind.dashboard import board_cache, event_stream
from rescind.dashboard.plan_graph import HEIGHT, WIDTH, graph_of
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.planned import TITLE, end_parcel, web_order
from tests.dashboard.stage import Served, Visitor
from tests.dashboard.test_live import _events, _next
from tests.ledger.build import row

LIMITED = "a-limited-token-of-some-length"


def shown(visitor: Visitor, plan: str) -> str:
    return visitor.get(f"/desk/plans/{plan}").text


def test_a_plan_shows_its_steps_and_what_each_waits_for(
    operator: Visitor, ledger: Engine
) -> None:
    plan, ids = web_order(ledger)
    page = shown(operator, plan)
    assert TITLE in page
    assert "0 steps of 3 have ended" in page
    for step, one in ids.items():
        assert f'href="/desk/cancellations/{one}"' in page
        assert f"<title>{step}</title>" in page
    assert page.count("which must end as: cancelled") == 1
    assert page.count("which must end as: any end") == 1
    assert page.count('class="edge"') == 2


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (State.REJECTED, Reason.WINDOW_CLOSED, "2 steps of 3 have ended"),
        (State.FAILED, Reason.UNRESOLVED, "A person must decide"),
    ],
)
def test_what_became_of_the_first_step_shows(
    operator: Visitor, ledger: Engine, state: State, reason: Reason, said: str
) -> None:
    plan, ids = web_order(ledger)
    end_parcel(ledger, ids, state, reason)
    page = shown(operator, plan)
    assert said in page
    assert f'class="node {state}"' in page


def test_a_plan_that_has_ended_shows_its_verdict(
    operator: Visitor, ledger: Engine
) -> None:
    plan, ids = web_order(ledger)
    end_parcel(ledger, ids, State.REJECTED, Reason.WINDOW_CLOSED)
    operator.send("/desk/withdraw/now", id=ids["message"])
    assert "Nothing of it is cancelled" in shown(operator, plan)
    listed_ones = operator.get("/desk/plans").text
    assert '<span class="chip not_done">' in listed_ones
    assert f'href="/desk/plans/{plan}"' in listed_ones


def test_what_was_not_sent_is_withdrawn_from_the_page_of_the_plan(
    operator: Visitor, ledger: Engine
) -> None:
    plan, ids = web_order(ledger)
    form = re.search(
        r'<form method="post" action="/desk/withdraw">(.*?)</form>',
        shown(operator, plan),
    )
    assert form is not None
    chosen = re.findall(r'name="id" value="([^"]*)"', form[1])
    assert chosen == list(ids.values())
    operator.send("/desk/withdraw/now", id=chosen)
    assert {row(ledger, one).state for one in chosen} == {"withdrawn"}
    assert 'action="/desk/withdraw"' not in shown(operator, plan)


def test_a_reader_sees_no_buttons(reader: Visitor, ledger: Engine) -> None:
    plan, _ids = web_order(ledger)
    assert "form_key" not in shown(reader, plan)


def test_plans_are_listed_by_name_and_key(operator: Visitor, ledger: Engine) -> None:
    first, second = (web_order(ledger, number)[0] for number in ("1001", "1002"))

    def found(query: str) -> list[str]:
        text = operator.get(f"/desk/plans{query}").text
        return re.findall(r'href="/desk/plans/([0-9a-f-]{36})"', text)

    assert found("") == [second, first]
    assert found("?key=1001") == [first]
    assert found("?plan=web-order") == [second, first]
    assert found("?plan=other") == []
    assert found(f"?before={second}") == [first]


def test_a_search_for_its_key_finds_a_plan(operator: Visitor, ledger: Engine) -> None:
    web_order(ledger, "W-1001")
    assert (
        'href="/desk/plans?key=W-1001"'
        in operator.get("/desk/cancellations?q=W-1001").text
    )
    assert "/desk/plans?key" not in operator.get("/desk/cancellations?q=W-1002").text


def test_the_page_of_a_step_names_its_plan(operator: Visitor, ledger: Engine) -> None:
    plan, ids = web_order(ledger)
    for one in ids.values():
        page = operator.get(f"/desk/cancellations/{one}").text
        assert f'href="/desk/plans/{plan}"' in page


def test_a_plan_that_is_not_there_is_answered_so(operator: Visitor) -> None:
    assert operator.get("/desk/plans/nothing").status_code == 404
    assert operator.get("/desk/plans/nothing/events").status_code == 204


def test_a_limited_token_sees_only_plans_all_of_whose_steps_it_may_read(
    site: Served, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ids = web_order(ledger)
    lanes = {"all": "ithink/*@akinon/*@notpanel/*", "some": "ithink/*@akinon/*"}
    for name, status in (("all", 200), ("some", 404)):
        access = Access(parsed(listed(f"shop:read@{lanes[name]}:{LIMITED}", "here")))
        monkeypatch.setattr(site.context, "access", access)
        visitor = site.visitor(LIMITED)
        assert visitor.get(f"/desk/plans/{plan}").status_code == status
        assert (plan in visitor.get("/desk/plans").text) == (status == 200)
        if status == 404:
            assert visitor.get(f"/desk/plans/{plan}/events").status_code == 204


def test_the_page_is_sent_again_when_a_step_has_ended(
    operator: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_cache, "TICK", 0.05)
    monkeypatch.setattr(event_stream, "NAP", 0.01)
    plan, ids = web_order(ledger)
    path = f"{operator.base}/desk/plans/{plan}/events"
    with operator.session.get(path, stream=True, timeout=60) as answer:
        events = _events(answer)
        assert "0 steps of 3" in _next(events, "board")
        assert [next(events)[0] for _ in range(2)] == ["beat"] * 2
        end_parcel(ledger, ids, State.CANCELLED, Reason.CONFIRMED)
        boards = (data for name, data in events if name == "board")
        assert any("One step of 3" in board for board in boards)


# --- the graph ------------------------------------------------------------------------

NAMES = [f"step-{n}" for n in range(10)]


@st.composite
def plans(draw: st.DrawFn) -> dict[str, list[str]]:
    """Steps, each with some of the earlier ones."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    return {
        name: sorted(draw(st.sets(st.sampled_from(names[:at]), max_size=3)))
        if at
        else []
        for at, name in enumerate(names)
    }


@given(plans())
def test_no_two_steps_of_a_graph_overlap_and_lines_lead_down(
    after: dict[str, list[str]],
) -> None:
    graph = graph_of(after)
    places = {one.step: (one.x, one.y) for one in graph.nodes}
    assert list(places) == list(after)
    assert {(e.before, e.after) for e in graph.edges} == {
        (before, step) for step, some in after.items() for before in some
    }
    corners = sorted(places.values(), key=lambda corner: (corner[1], corner[0]))
    for one, other in itertools.pairwise(corners):
        assert one[1] + HEIGHT < other[1] or one[0] + WIDTH < other[0]
    for x, y in corners:
        assert x >= 0
        assert x + WIDTH <= graph.width
        assert y + HEIGHT <= graph.height
    for edge in graph.edges:
        assert all(a[1] < b[1] for a, b in itertools.pairwise(edge.points))
        for at, (x, y) in enumerate(edge.points):
            inside = [c for c in corners if _within(c, x, y)]
            assert inside == [] or at in (0, len(edge.points) - 1)


def _within(corner: tuple[int, int], x: int, y: int) -> bool:
    return corner[0] <= x <= corner[0] + WIDTH and corner[1] <= y <= corner[1] + HEIGHT
