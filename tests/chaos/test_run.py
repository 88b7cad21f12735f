"""A short run (500 cancellations) with every kind of fault has no offence."""

from __future__ import annotations

import pytest

from chaos.databases import DATABASES
from chaos.run import run
from chaos.scales import SEED, SHORT


@pytest.mark.alone
@pytest.mark.timeout(900)  # it ends by itself after a minute of no progress
@pytest.mark.parametrize("database", DATABASES)
def test_a_short_run_is_good(database: str) -> None:
    report = run(database, SHORT, SEED)
    print(report.text())
    assert report.failings == []
