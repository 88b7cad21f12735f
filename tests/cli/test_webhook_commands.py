"""`rescind webhooks`: what producers were told, and what is told again."""

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


def ended(engine: Engine, order: str, heard: Response | None = None) -> str:
    """One that has ended, and what came of telling it; gives back its id."""
    ended = progress(State.REJECTED, finished_at=NOW)
    one = new(
        order, progress=ended, callback_url=f"https://{order}.example.com/?key=hush"
    )
    with writing(engine) as connection:
        insert_new(connection, [one], NOW)
        held = claim_deliveries(
            connection, f"{order}.example.com", 1, timedelta(0), NOW
        )
        if heard is not None:
            settle(connection, [judge(held[0], heard, NOW, 0.5)], NOW)
    return one.id


def test_they_are_listed_with_what_is_known_of_them(home: Home, engine: Engine) -> None:
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


def test_where_nobody_asked_there_are_none(home: Home) -> None:
    done = home.run("webhooks")
    assert (done.status, done.out, done.err) == (0, "", "rescind: there are none\n")


def test_show_says_how_telling_stands(home: Home, engine: Engine) -> None:
    one = ended(engine, "a", LOST)
    shown = home.run("show", one).out
    told = "cancellation.rejected by webhook to a.example.com, given up after 1 attempt"
    assert f"told              {told}: HTTP 410: it wants no more\n" in shown
    [delivery] = home.run("show", one, "--json").records[0]["deliveries"]
    assert delivery["webhook_id"] == f"msg_{one}_1"
    waits = ended(engine, "b")
    assert "waiting after 1 attempt; next at 2020-11-20" in home.run("show", waits).out


@pytest.mark.parametrize("name", ["{}", "msg_{}_1", "notpanel/default/a"])
def test_one_is_sent_again_by_any_of_its_names(
    home: Home, engine: Engine, name: str
) -> None:
    one = ended(engine, "a", FINE)
    done = home.run("webhooks", "resend", name.format(one))
    assert (done.status, done.out) == (0, f"{name.format(one)}  1 to be told again\n")
    [found] = home.run("webhooks", "--json").records
    assert (found["state"], found["attempts"]) == ("waiting", 0)


def test_one_that_cannot_be_sent_again_stops_none_of_the_others(
    home: Home, engine: Engine
) -> None:
    one = ended(engine, "a", FINE)
    quiet = home.run("cancel", "notpanel", "ord_1", "--json").records[0]["id"]
    done = home.run("webhooks", "resend", "nobody", quiet, one)
    assert done.status == 2
    assert "nobody: there is no such cancellation" in done.err
    assert f"{quiet}: nobody was to be told of an end of it" in done.err
    assert done.out == f"{one}  1 to be told again\n"


def test_all_that_was_given_up_is_sent_again(home: Home, engine: Engine) -> None:
    ended(engine, "a", LOST)
    ended(engine, "b", FINE)
    assert (
        home.run("webhooks", "resend", "--all-given-up").out == "1 to be told again\n"
    )
    assert (
        home.run("webhooks", "resend", "--all-given-up").out == "0 to be told again\n"
    )


def test_it_must_be_said_what_is_to_be_sent_again(home: Home) -> None:
    for words in ([], ["x", "--all-given-up"]):
        done = home.run("webhooks", "resend", *words)
        assert done.status == 2
        assert "give the ids of what to send again, or --all-given-up" in done.err


def test_a_secret_is_new_each_time_and_good(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (home.run("webhooks", "secret").out.strip() for _ in "12")
    assert first != second
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"{first},{second}")
    assert home.run("list").status == 0
