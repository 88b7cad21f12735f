"""Group commit: bounded transactions, whole answers, errors of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests

from rescind.api.fair_queue import TURN
from rescind.api.group_commit import ROOM, Intake
from rescind.intake.limited_entries import opened
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.submissions import MOST
from rescind.ledger.storage.transactions import LedgerUnreachableError
from tests import loops
from tests.api.conftest import EVERYTHING, TOKENS, ApiServer
from tests.ledger.build import BY
from tests.tasks.conftest import until

SINGLE = {"provider": "notpanel", "order": "x"}
Work = Callable[[Intake], Coroutine[Any, Any, Any]]


class Recorded:
    """Stands for the ledger: records what each transaction holds."""

    def __init__(self, *, broken: object = None, away_after: int = 10**9) -> None:
        self.transactions: list[Sequence[object]] = []
        self._broken, self._away_after = broken, away_after

    def __call__(self, entries: Sequence[object], *_: object) -> list[Taken]:
        if self._broken in entries:
            raise ValueError("this entry cannot be written")
        if len(self.transactions) >= self._away_after:
            raise LedgerUnreachableError("the ledger is away")
        self.transactions.append(entries)
        return [Taken(Receipt.ACCEPTED, str(one)) for one in entries]


def done(take: Recorded, work: Work) -> Any:
    async def run() -> Any:
        intake = Intake(take)
        try:
            return await work(intake)
        finally:
            intake.close()

    return loops.run(run)


def test_a_large_request_is_written_in_parts_and_answered_whole() -> None:
    take = Recorded()
    taken = done(take, lambda intake: intake.take_in(range(MOST), BY))
    assert [one.id for one in taken] == [str(n) for n in range(MOST)]
    assert [len(one) for one in take.transactions] == [ROOM] * (MOST // ROOM)


def test_a_small_request_does_not_wait_for_a_large_one() -> None:
    take = Recorded()

    async def work(intake: Intake) -> None:
        large = asyncio.create_task(intake.take_in(range(MOST), BY))
        await asyncio.sleep(0)
        await intake.take_in(["small"], BY)
        assert not large.done()
        await large

    done(take, work)
    assert "small" in [*take.transactions[0], *take.transactions[1]]


def test_many_small_requests_of_one_caller_keep_no_other_caller_waiting() -> None:
    take = Recorded()

    async def work(intake: Intake) -> None:
        many = [intake.take_in(range(TURN), "token:many") for _ in range(40)]
        waiting = asyncio.gather(*many)
        await asyncio.sleep(0)
        await intake.take_in(["other"], "token:other")
        await waiting

    done(take, work)
    assert "other" in [*take.transactions[0], *take.transactions[1]]


def test_after_an_error_the_rest_of_a_request_is_not_written() -> None:
    take = Recorded(away_after=2)
    with pytest.raises(LedgerUnreachableError):
        done(take, lambda intake: intake.take_in(range(MOST), BY))
    assert sum(map(len, take.transactions)) == 2 * ROOM


def test_an_error_of_one_request_is_not_that_of_another() -> None:
    async def work(intake: Intake) -> list[Any]:
        asked = [intake.take_in([n, n + 1], str(n % 2)) for n in (1, 3, 5)]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = done(Recorded(broken=4), work)
    assert [one.id for one in first + third] == ["1", "2", "5", "6"]
    assert isinstance(second, ValueError)


def test_a_request_without_entries_has_no_results() -> None:
    assert done(Recorded(), lambda intake: intake.take_in([], BY)) == []


@pytest.mark.parametrize("token", [TOKENS["submit"], EVERYTHING], ids=["same", "other"])
def test_twenty_bulk_requests_keep_no_single_one_waiting(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    intake, take, free = api.app.state.intake, Recorded(), Event()

    def slow(entries: Sequence[object], *_: object) -> list[Taken]:
        assert free.wait(20)
        return take(entries)

    monkeypatch.setattr(intake, "_take", slow)
    bulk = [{"provider": "notpanel", "order": str(n)} for n in range(MOST)]

    def submit(*entries: object, by: str = TOKENS["submit"]) -> requests.Response:
        return api.submit(*entries, token=by)

    with ThreadPoolExecutor(21) as clients:
        crowd = [clients.submit(submit, *bulk) for _ in range(20)]
        until(lambda: len(intake._waiting) == 20, "the bulk requests to wait")
        single = clients.submit(submit, SINGLE, by=token)
        until(lambda: len(intake._waiting) == 21, "the single request to wait")
        free.set()
        assert single.result().status_code == 202
        assert {one.result().status_code for one in crowd} == {202}
    # The first transaction had begun when the single request came.
    assert SINGLE in [opened(one)[0] for one in take.transactions[1]]
    assert max(map(len, take.transactions)) <= ROOM
