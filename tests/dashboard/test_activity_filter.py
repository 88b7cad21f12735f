"""The list of activity is filtered by who, by the kind of action, and by date."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import Engine

from rescind.browse.action_listing import find_actions
from rescind.dashboard.activity_filter import kinds
from rescind.ledger.action_kinds import Action
from tests.dashboard.stage import READER, Visitor
from tests.ledger.acted import done, fill

ACTIVITY = "/desk/actions"
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
ANN, BEN, SHOP = "token:ann", "cli:ben@host", "token:shop"


@pytest.fixture
def some(ledger: Engine) -> None:
    """Ann holds a lane each day, Ben resumes it an hour later, the shop submits."""
    rows = []
    for day in range(4):
        at = BEGIN + timedelta(days=day, hours=9)
        rows.append(done(ANN, Action.HOLD, at))
        rows.append(done(BEN, Action.RESUME, at + timedelta(hours=1)))
        rows.append(done(SHOP, Action.SUBMIT, at + timedelta(hours=2)))
    fill(ledger, rows)


def shown(visitor: Visitor, **fields: str) -> list[tuple[str, str]]:
    """The day and the actor of each line."""
    page = visitor.get(f"{ACTIVITY}?{urlencode(fields)}").text
    found = re.findall(r'datetime="(2026-11-\d\d)T.*?<bdi title="([^"]+)"', page, re.S)
    return [(day, by) for day, by in found]


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("fields", "days", "actors"),
    [
        ({}, 4, {ANN, BEN, SHOP}),
        ({"by": "ann"}, 4, {ANN}),
        ({"by": "ann (access token)"}, 4, {ANN}),
        ({"by": BEN}, 4, {BEN}),
        ({"action": "hold"}, 4, {ANN}),
        ({"since": "2026-11-22", "until": "2026-11-23"}, 1, {ANN, BEN, SHOP}),
        ({"until": "21.11.2026 09:30"}, 2, {ANN, BEN, SHOP}),
        ({"by": "ben@host", "since": "2026-11-21T10:00:00Z"}, 3, {BEN}),
        ({"by": "ann", "action": "resume"}, 0, set()),
        ({"by": "nobody"}, 0, set()),
    ],
)
def test_a_filter_leaves_only_what_matches(
    reader: Visitor, fields: dict[str, str], days: int, actors: set[str]
) -> None:
    found = shown(reader, **fields)
    assert len({day for day, _ in found}) == days
    assert {by for _, by in found} == actors
    assert found == sorted(found, key=lambda one: one[0], reverse=True)


@pytest.mark.usefixtures("some")
def test_pages_keep_the_filter(
    reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.dashboard.activity.PAGE", 3)
    address = f"{ACTIVITY}?by=ann&action=hold"
    first = reader.get(address).text
    [older] = re.findall(r'href="(/desk/actions\?[^"]*before=[^"]+)"', first)
    second = reader.get(html.unescape(older)).text
    assert re.findall(r'<bdi title="([^"]+)"', first + second) == [ANN] * 4
    assert 'class="button" href="/desk/actions?' not in second


@pytest.mark.usefixtures("some")
def test_the_form_holds_what_the_address_says(reader: Visitor) -> None:
    fields = {"by": "ann", "action": "hold", "since": "-30d", "until": "2026-11-30"}
    page = reader.get(f"{ACTIVITY}?{urlencode(fields)}").text
    assert 'name="by" value="ann"' in page
    assert '<option value="hold" selected>' in page
    assert 'name="since" value="-30d"' in page
    assert 'name="until" value="2026-11-30"' in page


@pytest.mark.parametrize("query", ["action=nothing", "since=yesterday"])
def test_a_wrong_filter_is_refused_with_a_sentence(reader: Visitor, query: str) -> None:
    refused = reader.get(f"{ACTIVITY}?{query}")
    assert refused.status_code == 422
    assert "That was not done" in refused.text


def test_nothing_found_is_not_nothing_done(reader: Visitor, ledger: Engine) -> None:
    fill(ledger, [done(ANN, Action.HOLD, BEGIN)])
    page = reader.get(f"{ACTIVITY}?by=ben").text
    assert "Nothing matches this filter." in page
    assert "Nobody has submitted" not in page


def test_a_page_that_read_enough_says_so_and_goes_on(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = partial(find_actions, scanned=2)
    monkeypatch.setattr("rescind.dashboard.activity.find_actions", some)
    rows = [done(SHOP, Action.SUBMIT, BEGIN, place) for place in range(1, 4)]
    fill(ledger, [done(ANN, Action.HOLD, BEGIN), *rows])
    first = reader.get(f"{ACTIVITY}?by=ann").text
    assert "the search stopped here" in first
    [on] = re.findall(r'href="(/desk/actions\?[^"]*before=[^"]+)"', first)
    assert ANN in reader.get(html.unescape(on)).text


def test_every_kind_of_action_can_be_chosen() -> None:
    assert {kind for kind, _ in kinds()} == set(Action)


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({}, 12),
        ({"by": "ann", "action": "hold"}, 4),
        ({"by": BEN, "since": "2026-11-21T13:00:00+03:00"}, 3),
        ({"since": "2026-11-21T00:00:00Z", "until": "2026-11-21T11:00:00Z"}, 2),
    ],
)
def test_the_command_and_the_api_list_what_the_page_lists(
    reader: Visitor,
    sqlite_ledger_url: str,
    tmp_path: Path,
    fields: dict[str, str],
    number: int,
) -> None:
    bearer = {"Authorization": f"Bearer {READER}"}
    answer = requests.get(
        f"{reader.base}/v1/actions", params=fields, headers=bearer, timeout=60
    )
    words = [word for name, value in fields.items() for word in (f"--{name}", value)]
    own = {"RESCIND_DATABASE_URL": sqlite_ledger_url, "RESCIND_HOME": str(tmp_path)}
    command = subprocess.run(
        [sys.executable, "-m", "rescind", "actions", "--json", *words],
        env={**os.environ, **own},
        capture_output=True,
        check=True,
        timeout=60,
    )
    told = answer.json()["actions"]
    assert [json.loads(line) for line in command.stdout.splitlines()] == told
    assert [(one["at"][:10], one["by"]) for one in told] == shown(reader, **fields)
    assert len(told) == number
