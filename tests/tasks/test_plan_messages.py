"""Plans that are submitted by a message, through real processes and sockets."""

from __future__ import annotations

from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from rescind.ledger.reading.plans import PlanFilter, plan_page
from rescind.ledger.storage.transactions import reading
from tests.tasks.conftest import Running, until
from tests.tasks.test_flow import number, panel, sms

ROOT = Path(__file__).parents[2]


@pytest.fixture
def system(system: Running) -> Running:
    """The running system, whose workers find the plans file while they run."""
    copy(ROOT / "plans.example.toml", system.accounts.parent / "plans.toml")
    return system


def send(system: Running, **kwargs: Any) -> None:
    system.producer.send_task("rescind.submit", kwargs=kwargs, queue="rescind")


def plan(system: Running, key: str) -> dict[str, Any]:
    with reading(system.engine) as connection:
        page = plan_page(connection, PlanFilter(key=key), 2)
    return page.plans[0] if page.plans else {"verdict": None, "steps": []}


def test_a_plan_is_submitted_by_its_name_and_input(system: Running) -> None:
    parcel, web, message, key = number(), number(), sms(system), number()
    system.sandbox.seed("ithink", parcel, "manifested")
    system.sandbox.seed("akinon", web, "approved")
    given = {"order_no": key, "awb": parcel, "akinon_order": web, "sms": message}
    for _ in range(2):
        send(system, plan="web-order", input={**given, "reasons": {"101": 2}})
    until(lambda: plan(system, key)["verdict"] is not None, "the plan's end")
    done = plan(system, key)
    assert done["verdict"] == "done"
    ended = {one["step"]: one["finished_at"] for one in done["steps"]}
    assert ended["parcel"] <= min(ended["refund"], ended["sms"])
    assert system.record(f"akinon/default/{web}")["group"] == key
    cancels = (("ithink", parcel), ("akinon", web), ("iletimerkezi", message))
    assert [len(system.events(*one, "cancel")) for one in cancels] == [1, 1, 1]


def test_what_is_wrong_with_a_plan_is_kept(system: Running) -> None:
    key, web = number(), number()
    given = {"order_no": key, "akinon_order": web, "reasons": {}, "awb": "no awb"}
    send(system, plan="web-order", input=given)
    until(lambda: rejected(system, "no awb"))
    [one] = rejected(system, "no awb")
    assert one["provider_message"].startswith("plan web-order: parcel: order must be")
    # Of the plan itself nothing is stored.
    assert plan(system, key)["steps"] == []
    assert system.record(f"akinon/default/{web}")["state"] is None


def rejected(system: Running, order: str) -> list[dict[str, Any]]:
    found = system.records(states=("rejected",))
    return [one for one in found if one["order"] == order]


def test_a_plan_beside_cancellations_is_not_dropped_unseen(system: Running) -> None:
    order = panel(system)
    entry = {"provider": "notpanel", "order": order}
    send(system, cancellations=[entry], plan="web-order", input={})
    assert system.ends(f"notpanel/default/{order}")["state"] == "cancelled"
    assert any("its plan was not taken in" in one for one in system.said)
