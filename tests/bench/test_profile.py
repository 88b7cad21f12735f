"""Stacks become shares of our functions."""

from __future__ import annotations

from bench.processes import ROOT
from bench.profile import shares

LOOP = f"run ({ROOT}/worker/loop.py:10)"
CLAIM = f"claim ({ROOT}/rescind/ledger/changes/claims.py:20)"
LIBRARY = "execute (/lib/python3.11/site-packages/sqlalchemy/worker/base.py:30)"


def test_a_librarys_time_counts_for_our_function_that_called_it() -> None:
    found = shares([f"{LOOP};{CLAIM};{LIBRARY} 3", f"{LOOP};{LIBRARY} 1"])
    assert found == [
        ("worker/loop.py run", 1.0, 0.25),
        ("rescind/ledger/changes/claims.py claim", 0.75, 0.75),
    ]


def test_a_function_that_calls_itself_counts_once() -> None:
    assert shares([f"{CLAIM};{CLAIM} 2"]) == [
        ("rescind/ledger/changes/claims.py claim", 1.0, 1.0)
    ]


def test_a_stack_without_our_functions_does_not_count() -> None:
    assert shares([f"{LIBRARY} 5", f"{LOOP} 5"]) == [("worker/loop.py run", 1.0, 1.0)]
    assert shares([]) == []
