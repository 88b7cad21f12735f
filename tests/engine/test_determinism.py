"""A world of one seed has one history: what it shows once, it shows again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.test_cli_support import ROOT
from tests.engine.telling import history_of

SEEDS = ("2", "3", "5")


@pytest.mark.parametrize("seed", range(2))
def test_one_seed_has_one_history(seed: int) -> None:
    told = history_of(seed)
    assert told.count("\n") > 100
    assert history_of(seed) == told


def test_two_seeds_have_two_histories() -> None:
    assert history_of(1) != history_of(2)


def test_seeds_have_the_same_histories_in_another_process() -> None:
    """Where texts have other hashes, and so sets another order."""
    first, *others = (in_process(hashes) for hashes in ("1", "2"))
    assert first.count("\n") > 100 * len(SEEDS)
    assert others == [first]


def in_process(hashes: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.telling", *SEEDS],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hashes},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout
