"""``rescind actions`` is filtered by who, by the kind of action and by a period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from rescind.browse.action_listing import find_actions
from rescind.ledger.action_kinds import Action
from rescind.ledger.storage.transactions import open_ledger
from tests.cli.test_cli_support import Home
from tests.cli.test_completion import bash, pressed
from tests.ledger.acted import done, fill

ANN, BEN = "token:ann", "cli:ben@host"
BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def some(home: Home) -> Iterator[Engine]:
    """Ann holds a lane each day, and Ben resumes it an hour later."""
    assert home.run("list").status == 0
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    rows = []
    for day in range(4):
        at = BEGIN + timedelta(days=day)
        rows.append(done(ANN, Action.HOLD, at))
        rows.append(done(BEN, Action.RESUME, at + timedelta(hours=1)))
    fill(engine, rows)
    yield engine
    engine.dispose()


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("words", "days", "actors"),
    [
        ("", 4, {ANN, BEN}),
        ("--by token:ann", 4, {ANN}),
        ("--by ben@host", 4, {BEN}),
        ("--by nobody", 0, set()),
        ("--by ann\udcff", 0, set()),
        ("--action resume", 4, {BEN}),
        ("--action resume --by ann", 0, set()),
        ("--since 2026-11-22T13:00:00+03:00", 2, {ANN, BEN}),
        ("--until 2026-11-21T10:00:00Z", 2, {ANN, BEN}),
        ("--since 2026-11-21T00:00:00Z --until 2026-11-22T00:00:00Z", 1, {ANN, BEN}),
    ],
)
def test_an_action_must_match_every_filter(
    home: Home, words: str, days: int, actors: set[str]
) -> None:
    listed = home.run("actions", "--json", *words.split(" ") if words else ()).records
    assert len({one["at"][:10] for one in listed}) == days
    assert {one["by"] for one in listed} == actors


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("scanned", [1, 3, 20_000])
def test_matches_are_found_however_many_actions_lie_between(
    home: Home, monkeypatch: pytest.MonkeyPatch, scanned: int
) -> None:
    bounded = partial(find_actions, scanned=scanned)
    monkeypatch.setattr("rescind.cli.actions_shown.find_actions", bounded)
    done = home.run("actions", "--json", "--by", "ann", "--limit", "3")
    days = [one["at"][8:10] for one in done.records]
    assert days == ["23", "22", "21"]
    assert "these are the newest 3: --limit shows more" in done.err
    whole = home.run("actions", "--json", "--by", "ann", "--limit", "4")
    assert (len(whole.records), whole.err) == (4, "")


def test_actions_take_any_limit(home: Home) -> None:
    assert home.run("actions", "--limit", str(10**30)).status == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--by", ""],
            "--by must be a name such as ann, or an actor such as",
        ),
        (
            ["--by", "tokens:ann"],
            "of actors are token, oidc, cli, schedule, celery",
        ),
        (["--action", "held"], "it must be one of submit, hold, resume"),
        (["--since", "yesterday"], "--since must be ISO 8601"),
        (["--until", "2026-11-20"], "--until has no offset from UTC"),
        (
            ["--since", "2026-11-21T00:00:00Z", "--until", "2026-11-21T00:00:00Z"],
            "--until must be later than --since",
        ),
    ],
)
def test_a_wrong_filter_is_refused_with_a_sentence(
    home: Home, words: list[str], says: str
) -> None:
    refused = home.run("actions", *words)
    assert (refused.status, refused.out) == (2, "")
    assert says in refused.err


@bash
def test_tab_offers_the_kinds_of_actions(home: Home) -> None:
    assert pressed(home, "rescind actions --action re") == [
        [one for one in Action if one.startswith("re")]
    ]
