"""In random worlds, no order is lost, sent twice, or recorded untruly."""

from __future__ import annotations

import pytest

from simulate.scenario import scenario
from simulate.simulator import run

WORLDS = 300
PART = 25


@pytest.mark.parametrize("first", range(0, WORLDS, PART))
def test_in_random_worlds_every_accepted_cancellation_ends_once_and_truly(
    first: int,
) -> None:
    wrong = {
        seed: offences
        for seed in range(first, first + PART)
        if (offences := run(scenario(seed)).offences)
    }
    assert not wrong, f"make simulate SEED={min(wrong)} shows what happens there"


@pytest.mark.parametrize("seed", [856, 1956, 3587, 6029, 7352])
def test_a_world_that_once_failed_is_good(seed: int) -> None:
    assert run(scenario(seed)).offences == []
