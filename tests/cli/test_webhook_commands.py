"""Tests of `rescind webhooks`: listing deliveries and sending them again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.deliveries.dispatch import claim_deliveries, settle
from rescind.ledger.deliveries.retry_policy import Response, judge
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.cli.test_cli_support import Home
from tests.ledger.build import NOW, new, progress
from tests.receivers import receiving, saying

LOST = Response(
    accepted=False, status=410, detail="HTTP 410: it wants no more", gone=True
)
FINE = Response(accepted=True, status=204)


@pytest.fixture
def home(home: Home) -> Home:
    assert home.run("list").status == 0
    return home


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    yield engine
    engine.dispose()


def ended(engine: Engine, order: str, response: Response | None = None) -> str:
    """A cancellation that has ended, with the result of its delivery; its id."""
    ended = progress(State.REJECTED, finished_at=NOW)
    one = new(
        order, progress=ended, callback_url=f"https://{order}.example.com/?key=hush"
    )
    with writing(engine) as connection:
        insert_new(connection, [one], NOW)
        held = claim_deliveries(
            connection, f"{order}.example.com", 1, timedelta(0), NOW
        )
        if response is not None:
            settle(connection, [judge(held[0], response, NOW, 0.5)], NOW)
    return one.id


def test_deliveries_are_listed_with_their_results(home: Home, engine: Engine) -> None:
    lost, fine = ended(engine, "a", LOST), ended(engine, "b", FINE)
    done = home.run("webhooks", "--json")
    assert [one["cancellation"] for one in done.records] == [fine, lost]
    assert done.records[1] | {"updated_at": ""} == {
        "webhook_id": f"msg_{lost}_1",
        "cancellation": lost,
        "provider": "notpanel",
        "account": "default",
        "order": "a",
        "kind": "webhook",
        "plan": None,
        "group": None,
        "target": "a.example.com",
        "type": "cancellation.rejected",
        "state": "given_up",
        "attempts": 1,
        "status": 410,
        "detail": "HTTP 410: it wants no more",
        "due_at": None,
        "created_at": "2020-11-20T18:09:00.123Z",
        "updated_at": "",
    }
    for state, one in (("given_up", lost), ("delivered", fine)):
        [found] = home.run("webhooks", "--state", state, "--json").records
        assert found["cancellation"] == one
    plain = home.run("webhooks", "--limit", "1")
    assert f"msg_{fine}_1  notpanel/default  b" in plain.out
    assert "these are the first 1: --limit shows more" in plain.err
    assert "hush" not in plain.out


def test_without_callbacks_no_delivery_is_listed(home: Home) -> None:
    done = home.run("webhooks")
    assert (done.status, done.out, done.err) == (0, "", "rescind: there are none\n")


def test_show_prints_the_state_of_each_delivery(home: Home, engine: Engine) -> None:
    one = ended(engine, "a", LOST)
    shown = home.run("show", one).out
    event = "cancellation.rejected by webhook to a.example.com"
    result = "given up after 1 attempt: HTTP 410: it wants no more"
    assert f"delivery          {event}, {result}\n" in shown
    [delivery] = home.run("show", one, "--json").records[0]["deliveries"]
    assert delivery["webhook_id"] == f"msg_{one}_1"
    waits = ended(engine, "b")
    assert "waiting after 1 attempt; next at 2020-11-20" in home.run("show", waits).out


OF_GROUP = "msg_{}_1_0191a1ff-0000-7000-8000-000000000001"


@pytest.mark.parametrize("name", ["{}", "msg_{}_1", OF_GROUP, "notpanel/default/a"])
def test_a_delivery_is_sent_again_by_any_of_its_names(
    home: Home, engine: Engine, name: str
) -> None:
    one = ended(engine, "a", FINE)
    done = home.run("webhooks", "resend", name.format(one))
    assert (done.status, done.out) == (0, f"{name.format(one)}  1 to be sent again\n")
    [found] = home.run("webhooks", "--json").records
    assert (found["state"], found["attempts"]) == ("waiting", 0)


def test_a_delivery_that_cannot_be_sent_again_stops_no_other(
    home: Home, engine: Engine
) -> None:
    one = ended(engine, "a", FINE)
    quiet = home.run("cancel", "notpanel", "ord_1", "--json").records[0]["id"]
    done = home.run("webhooks", "resend", "nobody", quiet, one)
    assert done.status == 2
    assert "nobody: there is no such cancellation" in done.err
    assert f"{quiet}: there is no delivery to send again" in done.err
    assert done.out == f"{one}  1 to be sent again\n"


def test_all_given_up_deliveries_are_sent_again(home: Home, engine: Engine) -> None:
    ended(engine, "a", LOST)
    ended(engine, "b", FINE)
    assert (
        home.run("webhooks", "resend", "--all-given-up").out == "1 to be sent again\n"
    )
    assert (
        home.run("webhooks", "resend", "--all-given-up").out == "0 to be sent again\n"
    )


def test_resend_needs_either_ids_or_all_given_up(home: Home) -> None:
    for words in ([], ["x", "--all-given-up"]):
        done = home.run("webhooks", "resend", *words)
        assert done.status == 2
        assert "give the ids to send again, or --all-given-up" in done.err


def test_each_secret_is_new_and_valid(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (home.run("webhooks", "secret").out.strip() for _ in "12")
    assert first != second
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"{first},{second}")
    assert home.run("list").status == 0


def test_a_test_event_reaches_the_receiver_and_its_answer_is_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        assert home.run("webhooks", "test", receiver.url).status == 2
        monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "127.0.0.1:*")
        monkeypatch.setenv("RESCIND_WEBHOOK_PRIVATE", "true")
        monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"whsec_{'A' * 32}")
        done = home.run("webhooks", "test", receiver.url, "--json")
        assert (done.status, done.records) == (
            0,
            [{"accepted": True, "status": 204, "detail": None}],
        )
        receiver.answer = saying(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
        done = home.run("webhooks", "test", receiver.url)
        assert done.status == 3
        assert "did not accept the test event: HTTP 401" in done.err
        assert done.err.rstrip().endswith("docs/errors.md#receiver-refused")
    assert len(receiver.heard) == 2
