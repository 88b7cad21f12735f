"""``rescind list`` is filtered by reason, by who submitted and by a period."""

from __future__ import annotations

from functools import partial

import pytest

from rescind.browse import browsing
from rescind.ledger.storage.transactions import open_ledger
from rescind.provider.outcomes import Reason
from tests.cli.test_cli_support import Home
from tests.cli.test_completion import bash, pressed
from tests.ledger.submitted import fill_days

IN_ONE_DAY = "--since 2026-11-21T10:00:00Z --until 2026-11-22T09:00:00Z"


@pytest.fixture
def some(home: Home) -> None:
    assert home.run("list").status == 0
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    fill_days(engine)
    engine.dispose()


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--reason refused", ["23-0", "22-0", "21-0", "20-0"]),
        ("--reason unresolved --by ann --group g --limit 1", ["23-1"]),
        ("--reason refused --state failed", []),
        ("--by ben@host", ["23-2", "22-2", "21-2", "20-2"]),
        ("--by token:ann --until 2026-11-20T10:00:00Z", ["20-1", "20-0"]),
        ("--by nobody", []),
        ("--by ann\udcff", []),
        ("--since 2026-11-23T13:00:00+03:00", ["23-2"]),
        (f"--provider notpanel {IN_ONE_DAY}", ["21-2"]),
    ],
)
def test_a_cancellation_must_match_every_filter(
    home: Home, words: str, found: list[str]
) -> None:
    listed = home.run("list", "--json", *words.split()).records
    assert [one["order"] for one in listed] == found


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("least", [1, 3, 200])
def test_matches_are_found_however_many_rows_lie_between(
    home: Home, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(browsing, "LEAST", least)
    bounded = partial(browsing.browse, scanned=1)
    monkeypatch.setattr(browsing, "browse", bounded)
    done = home.run("list", "--json", "--by", "ben@host", "--limit", "3")
    assert [one["order"] for one in done.records] == ["23-2", "22-2", "21-2"]
    assert "these are the newest 3: --limit shows more" in done.err
    whole = home.run("list", "--json", "--by", "ben@host", "--limit", "4")
    assert (len(whole.records), whole.err) == (4, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--by", ""], "--by must be a name such as ann, or an actor such as"),
        (["--by", "tokens:ann"], "of actors are token, oidc, cli, schedule, celery"),
        (["--reason", "bad-luck"], "it must be one of confirmed, already_cancelled"),
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
    refused = home.run("list", *words)
    assert (refused.status, refused.out) == (2, "")
    assert says in refused.err


@bash
@pytest.mark.parametrize("command", ["list", "retry"])
def test_tab_offers_the_reasons(home: Home, command: str) -> None:
    assert pressed(home, f"rescind {command} --reason not_") == [
        [one for one in Reason if one.startswith("not_")]
    ]
