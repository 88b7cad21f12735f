"""The functions that the mutations replace still exist in Rescind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chaos.chaos_report import KINDS
from chaos.mutations import CAUGHT_BY, MUTATIONS, NAME


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_finds_what_it_breaks(name: str) -> None:
    env = {NAME: name, "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", "from chaos import mutations; mutations.install()"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_mutation_says_what_it_is_caught_by() -> None:
    assert set(CAUGHT_BY) == set(MUTATIONS)
    assert frozenset().union(*CAUGHT_BY.values()) <= set(KINDS)
