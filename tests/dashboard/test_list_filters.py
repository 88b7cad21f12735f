"""The list of cancellations is the same on the page, in a terminal and by the API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import Engine

from tests.dashboard.stage import READER, Visitor
from tests.ledger.submitted import BEN, fill_days


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({}, 12),
        ({"by": "ann", "reason": "refused"}, 4),
        ({"by": BEN, "since": "2026-11-21T13:00:00+03:00"}, 3),
        ({"reason": "unresolved", "group": "g", "until": "2026-11-22T00:00:00Z"}, 2),
        ({"state": "queued", "reason": "refused"}, 0),
    ],
)
def test_the_command_and_the_api_list_what_the_page_lists(
    reader: Visitor,
    ledger: Engine,
    sqlite_ledger_url: str,
    tmp_path: Path,
    fields: dict[str, str],
    number: int,
) -> None:
    fill_days(ledger)
    bearer = {"Authorization": f"Bearer {READER}"}
    address = f"{reader.base}/v1/cancellations"
    answer = requests.get(address, params=fields, headers=bearer, timeout=60)
    words = [word for name, value in fields.items() for word in (f"--{name}", value)]
    own = {"RESCIND_DATABASE_URL": sqlite_ledger_url, "RESCIND_HOME": str(tmp_path)}
    command = subprocess.run(
        [sys.executable, "-m", "rescind", "list", "--json", *words],
        env={**os.environ, **own},
        capture_output=True,
        check=True,
        timeout=60,
    )
    told = answer.json()["cancellations"]
    assert [json.loads(line) for line in command.stdout.splitlines()] == told
    page = reader.get(f"/desk/cancellations?{urlencode(fields)}").text
    linked = re.findall(r'href="/desk/cancellations/([0-9a-f-]{36})"', page)
    assert list(dict.fromkeys(linked)) == [one["id"] for one in told]
    assert len(told) == number
