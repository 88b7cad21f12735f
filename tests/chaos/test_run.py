"""Five hundred cancellations while everything fails: nothing is lost or untrue."""

from __future__ import annotations

import pytest

from chaos.run import DATABASES, run
from chaos.scales import SEED, SHORT


@pytest.mark.alone
@pytest.mark.timeout(900)  # it ends by itself, a minute after nothing moves
@pytest.mark.parametrize("database", DATABASES)
def test_a_short_run_is_good(database: str) -> None:
    report = run(database, SHORT, SEED)
    print(report.text())
    assert report.failings == []
