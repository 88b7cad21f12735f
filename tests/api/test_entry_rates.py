"""A token's rate counts cancellations, in one request or in many."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from limits import parse

from rescind.api.entry_rates import EntryRates
from rescind.api.problem_details import ProblemError
from tests.api.conftest import TOKENS, opened, problem, settings_for


@given(steps=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 12)), max_size=60))
def test_a_window_holds_at_most_twice_the_rate_and_a_refusal_says_how_long(
    steps: list[tuple[float, int]],
) -> None:
    now, sent = 0.0, list[tuple[float, int]]()
    rates = EntryRates(parse("10/minute"), lambda: now)
    for passed, entries in steps:
        now += passed
        try:
            rates.count("shop", entries)
        except ProblemError as error:
            if error.status == 413:
                assert entries > 10
                continue
            now += int(error.headers["Retry-After"])
            rates.count("shop", entries)
        sent.append((now, entries))
        # An idle token may send the amount at once, while the rate goes on.
        last = [count for at, count in sent if at > now - 60]
        assert sum(last) <= 20
    allowed = 10 + (sent[-1][0] - sent[0][0]) / 6 if sent else 0
    assert sum(count for _, count in sent) <= allowed + 0.5


def test_a_bulk_request_counts_its_cancellations(
    tmp_path: Path, sqlite_ledger_url: str
) -> None:
    chosen = settings_for(tmp_path, sqlite_ledger_url, api_entry_rate="100/hour")
    with opened(chosen) as api:
        bulk = [{"provider": "notpanel", "order": f"ord_{n}"} for n in range(101)]
        told = problem(api.submit(*bulk), 413, "body-too-large")
        rate = "may submit 100 cancellations in 3,600 s"
        assert rate in told["detail"]
        assert api.submit(*bulk[:90]).status_code == 202
        refused = api.submit(*bulk[90:])
        assert rate in problem(refused, 429, "too-many-requests")["detail"]
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert api.submit(*bulk[90:100]).status_code == 202
        problem(api.submit(bulk[100]), 429, "too-many-requests")
        assert api.submit(bulk[100], token=TOKENS["submit"]).status_code == 202
        assert len(api.rows()) == 101
