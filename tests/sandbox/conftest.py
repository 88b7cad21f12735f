"""A sandbox for each module, reset for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rescind.sandbox import Sandbox, running


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    with running(settle=0.05, lag=0.05, slow_seconds=0.2, refuse_seconds=0.2) as one:
        yield one


@pytest.fixture
def sandbox(started: Sandbox) -> Sandbox:
    started.play("")  # resets, and forgets the scenario of an earlier test
    return started
