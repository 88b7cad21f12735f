"""The log of a worker names repeats whose producer may expect something else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from structlog.testing import capture_logs

from rescind.config.settings import settings
from rescind.intake.receipts import Receipt, Taken

LANE = ("notpanel", "default")
EVENT = "submitted before, with other values or withdrawn since"


@pytest.fixture(autouse=True)
def _redis(monkeypatch: pytest.MonkeyPatch, valkey_url: str) -> Iterator[None]:
    """The app of the worker needs a broker's address when it is imported."""
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url)
    settings.cache_clear()
    yield
    settings.cache_clear()


def said(monkeypatch: pytest.MonkeyPatch, *taken: Taken) -> list[Any]:
    """The warnings of a worker that takes entries in with these results."""
    module = import_module("tasks.submit")
    monkeypatch.setattr(module, "_take_in", lambda *_, **__: list(taken))
    with capture_logs() as lines:
        module.submit(cancellations=[{} for _ in taken])
    return [line for line in lines if line["event"] == EVENT]


def repeat(number: int, state: str, *differs: str) -> Taken:
    return Taken(Receipt.DUPLICATE, f"id-{number}", LANE, state=state, differs=differs)


def test_a_repeat_with_other_values_or_of_a_withdrawn_one_is_logged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = said(
        monkeypatch,
        Taken(Receipt.ACCEPTED, "id-0", LANE),
        repeat(1, "queued"),
        repeat(2, "queued", "cancel_before"),
        repeat(3, "withdrawn"),
    )
    assert [(one["cancellations"], one["differs"]) for one in lines] == [
        (["id-2"], ["cancel_before"]),
        (["id-3"], []),
    ]
    assert lines[1]["state"] == "withdrawn"


def test_of_many_the_first_ten_are_logged_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = [repeat(n, "queued", "group") for n in range(30)]
    lines = said(monkeypatch, *some)
    assert len(lines) == 11
    assert lines[-1]["of"] == 30
