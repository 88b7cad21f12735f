"""A plan is submitted from the page: chosen, typed, previewed, and then submitted."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.access_tokens import Access
from rescind.config.redis_client import redis_client
from rescind.config.token_list import listed, parsed
from rescind.dashboard.submission.plan_inputs import input_fields, read_inputs
from rescind.ledger.storage.transactions import reading
from rescind.plans.plan_templates import Templates
from rescind.plans.templates_file import templates_of
from tests.dashboard.stage import PARCEL, READER, Served, Visitor
from tests.tasks.conftest import until

PLANS = """
[web-order]
title = "Web order: parcel, refund, message"
key = "{order_no}"
[web-order.steps.parcel]
provider = "ithink"
order = "{awb}"
[web-order.steps.refund]
provider = "akinon"
account = "shop"
order = "{akinon_order}"
params = { is_all = true, reasons = "{reasons}" }
after = ["parcel"]
[web-order.steps.message]
provider = "notpanel"
order = "{sms}"
after = ["parcel"]
only_if = ["any"]
optional = true
[panel-only.steps.one]
provider = "notpanel"
order = "{order}"
"""
GOOD = {
    "plan": "web-order",
    "input.order_no": "1001",
    "input.awb": "86210010463",
    "input.akinon_order": "2000001",
    "input.reasons": "101=2\n102=2",
    "input.sms": "ord_1",
}
FORM = "/desk/submit/plan"
LIMITED = "a-limited-token-of-some-length"


@pytest.fixture(autouse=True)
def plans(site: Served, monkeypatch: pytest.MonkeyPatch) -> Templates:
    found = templates_of(tomllib.loads(PLANS))
    assert not found.faulty
    current = property(lambda _context: found)
    monkeypatch.setattr(type(site.context), "templates", current, raising=False)
    return found


@pytest.fixture
def typed(clerk: Visitor) -> str:
    """The address of the preview of a good plan."""
    answer = clerk.send(FORM, **GOOD)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def rows(ledger: Engine) -> list[Any]:
    with reading(ledger) as connection:
        return list(list_rows(connection, Wanted(), 100))


def beside(page: str, name: str) -> str | None:
    """The sentence beside a field of the input."""
    found = re.search(rf'id="wrong-input\.{name}" dir="auto">([^<]*)<', page)
    return found[1] if found else None


def test_the_plans_are_offered_and_each_has_a_field_for_every_name(
    clerk: Visitor,
) -> None:
    offered = clerk.get(FORM).text
    assert "Web order: parcel, refund, message" in offered
    assert "panel-only" in offered
    form = clerk.get(f"{FORM}?plan=web-order").text
    names = re.findall(r'name="input\.(\w+)"', form)
    assert sorted(names) == ["akinon_order", "awb", "order_no", "reasons", "sms"]
    assert '<textarea id="input.reasons"' in form
    assert clerk.get(f"{FORM}?plan=nothing").status_code == 404


def test_the_preview_shows_every_step_and_stores_nothing(
    clerk: Visitor, ledger: Engine, typed: str
) -> None:
    page = clerk.get(typed).text
    for said in (
        "86210010463",
        "2000001",
        "ord_1",
        "which must end as: any end",
        "101=2",
    ):
        assert said in page
    assert "Submit this plan of 3 steps" in page
    assert rows(ledger) == []


def test_a_plan_is_submitted_once_and_its_page_shown(
    site: Served, clerk: Visitor, ledger: Engine, typed: str
) -> None:
    id_ = typed.rpartition("/")[2]
    done = clerk.send(f"{FORM}/now", id=id_)
    where = done.headers["location"]
    assert re.fullmatch(r"/desk/plans/[0-9a-f-]{36}\?done=accepted", where)
    assert "It was accepted" in clerk.get(where).text
    found = {row.provider: row for row in rows(ledger)}
    assert found["akinon"].params["reasons"] == {"101": 2, "102": 2}
    assert found["akinon"].state == "scheduled"
    until(lambda: (PARCEL, "cancel") in site.notified.asked, "its lane is notified")
    again = clerk.send(f"{FORM}/now", id=id_)
    assert again.headers["location"] == where.replace("accepted", "known")
    assert len(rows(ledger)) == 3
    assert "This plan was submitted before" in clerk.get(typed).text


def test_a_step_whose_name_is_not_typed_is_left_out(
    clerk: Visitor, ledger: Engine
) -> None:
    answer = clerk.send(FORM, **{**GOOD, "input.sms": ""})
    page = clerk.get(answer.headers["location"]).text
    assert "Left out" in page
    assert "Submit this plan of 2 steps" in page


@pytest.mark.parametrize(
    ("name", "written"),
    [("awb", ""), ("akinon_order", "not a number"), ("reasons", "no equals sign")],
)
def test_what_is_wrong_stands_beside_its_field(
    clerk: Visitor, ledger: Engine, name: str, written: str
) -> None:
    answer = clerk.send(FORM, **{**GOOD, f"input.{name}": written})
    assert answer.status_code == 422
    assert beside(answer.text, name)
    assert 'value="1001"' in answer.text
    assert rows(ledger) == []


def test_another_plan_with_the_same_key_is_refused_in_the_readers_language(
    clerk: Visitor, ledger: Engine, typed: str
) -> None:
    clerk.send(f"{FORM}/now", id=typed.rpartition("/")[2])
    clerk.session.headers["accept-language"] = "tr"
    other = clerk.send(FORM, **{**GOOD, "input.awb": "86210010464"})
    assert other.status_code == 422
    assert "aşka bir anahtar kullanın" in (beside(other.text, "order_no") or "")
    missing = clerk.send(FORM, **{**GOOD, "input.awb": ""})
    assert "gerekir" in (beside(missing.text, "awb") or "")
    assert len(rows(ledger)) == 3


def test_an_input_is_typed_as_its_param_is(plans: Templates) -> None:
    fields = input_fields(plans.plans["web-order"])
    kinds = {one.name: one.kind for one in fields}
    assert kinds == dict.fromkeys(kinds, "string") | {"reasons": "object"}
    values, wrong = read_inputs(fields, {"input.reasons": "7=1", "input.awb": " 8 "})
    assert (values, wrong) == ({"reasons": {"7": 1}, "awb": "8"}, {})


def test_only_a_submitter_submits_plans(site: Served, typed: str) -> None:
    reader = site.visitor(READER)
    assert reader.get(FORM).status_code == 403
    assert reader.get(typed).status_code == 403


def test_a_limited_token_is_offered_what_it_may_submit_as_a_whole(
    site: Served, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    scopes = "read+submit@notpanel/*"
    access = Access(parsed(listed(f"shop:{scopes}:{LIMITED}", "here")))
    monkeypatch.setattr(site.context, "access", access)
    site.context.redis = redis_client(valkey_url)
    visitor = site.visitor(LIMITED)
    page = visitor.get(FORM).text
    assert "web-order" not in page
    assert 'name="input.order"' in page
    assert visitor.get(f"{FORM}?plan=web-order").status_code == 404
    key = {"form_key": visitor.form_key(FORM)}
    assert visitor.post(FORM, {**GOOD, **key}).status_code == 404


def test_the_preview_says_how_an_order_is_sent(clerk: Visitor) -> None:
    form = {"plan": "panel-only", "input.order": "00312"}
    led = clerk.send(FORM, **form).headers["location"]
    assert "it is sent as 312" in clerk.get(led).text
