"""Stacks become shares of functions of ours."""

from __future__ import annotations

from bench.processes import ROOT
from bench.profile import shares

LOOP = f"run ({ROOT}/worker/loop.py:10)"
CLAIM = f"claim ({ROOT}/rescind/ledger/changes/claims.py:20)"
LIBRARY = "execute (/lib/python3.11/site-packages/sqlalchemy/worker/base.py:30)"


def test_a_library_counts_for_the_function_of_ours_that_called_it() -> None:
    found = shares([f"{LOOP};{CLAIM};{LIBRARY} 3", f"{LOOP};{LIBRARY} 1"])
    assert found == [
        ("worker/loop.py run", 1.0, 0.25),
        ("rescind/ledger/changes/claims.py claim", 0.75, 0.75),
    ]


def test_a_function_that_calls_itself_counts_once() -> None:
    assert shares([f"{CLAIM};{CLAIM} 2"]) == [
        ("rescind/ledger/changes/claims.py claim", 1.0, 1.0)
    ]


def test_what_is_not_ours_does_not_count() -> None:
    assert shares([f"{LIBRARY} 5", f"{LOOP} 5"]) == [("worker/loop.py run", 1.0, 1.0)]
    assert shares([]) == []
