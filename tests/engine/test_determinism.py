"""The world of one seed has the same history each time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.test_cli_support import ROOT
from tests.engine.histories import history_of

SEEDS = ("2", "3", "5")


@pytest.mark.parametrize("seed", range(2))
def test_one_seed_has_one_history(seed: int) -> None:
    history = history_of(seed)
    assert history.count("\n") > 100
    assert history_of(seed) == history


def test_two_seeds_have_two_histories() -> None:
    assert history_of(1) != history_of(2)


def test_seeds_have_the_same_histories_in_another_process() -> None:
    """Strings have other hashes there, and so sets have another order."""
    first, *others = (in_process(hashes) for hashes in ("1", "2"))
    assert first.count("\n") > 100 * len(SEEDS)
    assert others == [first]


def in_process(hashes: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.histories", *SEEDS],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hashes},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout
