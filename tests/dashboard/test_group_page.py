"""The page of a group: its progress, what its cancellations became, and who is told."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from rescind.config.access_tokens import Access
from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.token_list import listed, parsed
from rescind.config.webhook_secrets import read_secrets
from rescind.ledger.changes.group_end_requests import request_ends
from rescind.ledger.deliveries.group_receivers import told_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from tests.dashboard.stage import MEAL, PANEL, Served, Visitor
from tests.ledger.build import NOW, add, new, row

LIMITED = "a-limited-token-of-some-length"
GROUP = "refunds / Kadıköy?"
PATH = "/desk/group?name=refunds+%2F+Kad%C4%B1k%C3%B6y%3F"
HOOK = "https://hooks.example.com/a-secret-path"


def fill(ledger: Engine) -> list[str]:
    """A group of four, of which one waits to be sent and one has failed."""
    states = (State.CANCELLED, State.CANCELLED, State.FAILED, State.QUEUED)
    return [
        add(ledger, state, order=f"ord_{n}", lane=PANEL, group=GROUP)
        for n, state in enumerate(states)
    ]


def test_a_group_shows_its_progress_and_its_ends(
    operator: Visitor, ledger: Engine
) -> None:
    fill(ledger)
    page = operator.get(PATH).text
    assert "3 of 4 cancellations have ended (75 %)" in page
    turkish = {"Accept-Language": "tr"}
    assert "(%75)" in operator.get(PATH, **turkish).text
    assert '<progress value="3" max="4"' in page
    assert "Nobody: no submission asked for it" in page
    assert 'hx-trigger="every 10s"' in page
    (link,) = re.findall(
        r'href="(/desk/group[?][^"]*)"', operator.get("/desk/groups").text
    )
    assert operator.get(link).text.count("75 %") == 1


def test_a_group_that_has_ended_is_not_asked_for_again(
    operator: Visitor, ledger: Engine
) -> None:
    add(ledger, State.CANCELLED, order="ord_1", lane=PANEL, group=GROUP)
    page = operator.get(PATH).text
    assert "1 of one cancellation has ended (100 %)" in page
    assert "hx-trigger" not in page


def test_a_group_shows_who_is_told_without_the_address(
    operator: Visitor, ledger: Engine
) -> None:
    fill(ledger)
    one = new("ord_9", group=GROUP, on_group_end=HOOK)
    with writing(ledger) as connection:
        request_ends(connection, [one], NOW)
    page = operator.get(PATH).text
    assert "hooks.example.com" in page
    assert "not told yet" in page
    assert "a-secret-path" not in page


@pytest.mark.parametrize(("action", "place"), [("retry", 2), ("withdraw", 3)])
def test_what_was_not_cancelled_or_sent_is_changed_from_its_page(
    operator: Visitor, ledger: Engine, action: str, place: int
) -> None:
    one = fill(ledger)[place]
    form = re.search(
        rf'<form method="post" action="/desk/{action}">(.*?)</form>',
        operator.get(PATH).text,
    )
    assert form is not None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1]))
    assert fields.pop("form_key")
    asked = operator.follow(f"/desk/{action}", **fields).text
    assert f"{action.capitalize()} 1 cancellation?" in asked
    assert row(ledger, one).state == ("failed" if action == "retry" else "queued")


def test_a_group_of_others_is_not_there(
    site: Served, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger)
    add(ledger, order="mine", lane=MEAL, group="mine")
    access = Access(parsed(listed(f"shop:read@dukkango/*:{LIMITED}", "here")))
    monkeypatch.setattr(site.context, "access", access)
    visitor = site.visitor(LIMITED)
    assert visitor.get(PATH).status_code == 404
    assert "0 of one cancellation" in visitor.get("/desk/group?name=mine").text


# --- who is told, in the forms --------------------------------------------------------


@pytest.fixture
def hooks(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks to this host are allowed."""
    allowed = Callbacks(
        hosts=host_patterns("hooks.example.com"),
        secrets=read_secrets(f"whsec_{'A' * 44}"),
    )
    monkeypatch.setattr(site.context, "callbacks", allowed)


def told(ledger: Engine) -> list[str]:
    with reading(ledger) as connection:
        return [one["target"] for one in told_of(connection, "nightly")]


@pytest.mark.usefixtures("hooks")
def test_the_form_for_one_order_asks_to_be_told(clerk: Visitor, ledger: Engine) -> None:
    form = {"lane": "notpanel/default", "order": "ord_1", "on_group_end": HOOK}
    shown = clerk.send("/desk/submit/one", **form)
    assert shown.status_code == 422
    assert 'id="wrong-on_group_end"' in shown.text
    assert clerk.send("/desk/submit/one", **form, group="nightly").status_code == 303
    assert len(told(ledger)) == 1


@pytest.mark.usefixtures("hooks")
def test_the_form_for_a_file_asks_to_be_told_for_all_rows_of_a_group(
    clerk: Visitor, ledger: Engine
) -> None:
    content = b"provider,order\nnotpanel,ord_1\nnotpanel,ord_2\n"
    sent = clerk.upload(content, group="nightly", on_group_end=HOOK)
    where = sent.headers["location"]
    clerk.send("/desk/submit/file/now", id=where.rpartition("/")[2])
    assert len(told(ledger)) == 1
