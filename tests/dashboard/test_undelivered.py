"""Notifications that were given up are listed, and resent on request."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from rescind.dashboard import undelivered
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.storage.transactions import reading
from tests.dashboard.stage import Visitor
from tests.ledger.build import NOW, SECOND
from tests.ledger.delivering import GONE, NOT_TAKEN, TASK, URL, ended, holding, settling


def give_up(engine: Engine, number: int) -> list[str]:
    """So many cancellations whose notification was given up, one after the other."""
    ids = [ended(engine, f"ord_{n}") for n in range(number)]
    held = {one.cancellation_id: one for one in holding(engine)}
    for n, one in enumerate(ids):
        settling(engine, held[one], GONE, NOW + n * SECOND)
    return ids


def states(engine: Engine, ids: list[str]) -> list[str]:
    with reading(engine) as connection:
        return [one["state"] for id_ in ids for one in deliveries_of(connection, id_)]


def orders(page: str) -> list[str]:
    return re.findall(r"<bdi>(ord_\w+)</bdi></a>", page)


def test_the_overview_links_to_undelivered_notifications(
    reader: Visitor, ledger: Engine
) -> None:
    give_up(ledger, 2)
    said = reader.get("/").text
    tile = '<a href="/desk/undelivered"><b>2</b> notifications to your systems failed'
    assert tile in said
    assert orders(reader.get("/desk/undelivered").text) == ["ord_1", "ord_0"]


def test_each_shows_its_host_and_the_last_answer_but_no_address(
    reader: Visitor, ledger: Engine
) -> None:
    [one] = give_up(ledger, 1)
    waits = ended(ledger, "ord_waits")
    said = reader.get("/desk/undelivered").text
    assert f'href="/desk/cancellations/{one}"' in said
    assert "Webhook: <bdi>shop.example.com</bdi>, tried once." in said
    assert "HTTP 410" in said
    assert "hook?key" not in said
    assert waits not in said


def test_the_page_says_when_all_were_delivered(reader: Visitor) -> None:
    assert "No notification has failed." in reader.get("/desk/undelivered").text


def test_a_reader_has_no_button(reader: Visitor, ledger: Engine) -> None:
    [one] = give_up(ledger, 1)
    said = reader.get("/desk/undelivered").text
    assert "checkbox" not in said
    assert "Resend all" not in said
    refused = reader.send("/desk/undelivered/again", id=one)
    assert refused.status_code == 403
    assert states(ledger, [one]) == ["given_up"]


def test_only_the_ticked_are_resent(operator: Visitor, ledger: Engine) -> None:
    ids = give_up(ledger, 3)
    done = operator.send("/desk/undelivered/again", id=[ids[0], ids[2], "nobody"])
    assert done.headers["location"] == "/desk/undelivered?done=2"
    assert states(ledger, ids) == ["waiting", "given_up", "waiting"]
    said = operator.get(done.headers["location"]).text
    assert "2 notifications are sent again" in said
    assert orders(said) == ["ord_1"]


def test_a_notification_that_was_not_given_up_is_not_resent(
    operator: Visitor, ledger: Engine
) -> None:
    one = ended(ledger, "ord_1", callback_url=URL, **TASK)
    [by_webhook] = holding(ledger)
    settling(ledger, by_webhook, GONE)
    [by_task] = holding(ledger, "the broker")
    settling(ledger, by_task, NOT_TAKEN)
    operator.send("/desk/undelivered/again", id=one)
    with reading(ledger) as connection:
        found = {
            told["kind"]: told["attempts"] for told in deliveries_of(connection, one)
        }
    assert found == {"webhook": 0, "task": 1}


def test_all_are_resent_up_to_a_bound(
    operator: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undelivered, "MOST", 2)
    monkeypatch.setattr("rescind.ledger.deliveries.store.AT_ONCE", 1)
    ids = give_up(ledger, 3)
    done = operator.send("/desk/undelivered/again", every="yes")
    assert done.headers["location"] == "/desk/undelivered?done=2"
    assert states(ledger, ids) == ["waiting", "waiting", "given_up"]


@pytest.mark.parametrize("form", [{}, {"id": "nobody"}, {"id": "\x00"}])
def test_a_form_that_selects_nothing_resends_nothing(
    operator: Visitor, form: dict[str, str | list[str]]
) -> None:
    done = operator.send("/desk/undelivered/again", **form)
    said = operator.get(done.headers["location"]).text
    assert "Nothing is resent: tick at least one" in said


def test_more_than_a_page_can_hold_is_refused(operator: Visitor) -> None:
    ids = [str(number) for number in range(201)]
    assert operator.send("/desk/undelivered/again", id=ids).status_code == 422


def test_pages_follow_each_other(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undelivered, "PAGE", 2)
    give_up(ledger, 5)
    path, seen = "/desk/undelivered", []
    while path:
        page = reader.get(path).text
        seen.append(orders(page))
        older = re.search(r'href="(/desk/undelivered\?behind=[^"]+)"', page)
        path = older[1] if older else ""
    assert seen == [["ord_4", "ord_3"], ["ord_2", "ord_1"], ["ord_0"]]


@pytest.mark.parametrize("query", ["done=many", "done=%D9%A1", "behind=x", "done=-1"])
def test_no_address_puts_words_on_the_page(reader: Visitor, query: str) -> None:
    said = reader.get(f"/desk/undelivered?{query}")
    assert said.status_code == 200
    assert "resent" not in said.text
