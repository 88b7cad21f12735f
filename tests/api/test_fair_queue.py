"""Waiting submissions: nobody waits for the rest of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from rescind.api.fair_queue import TURN, FairQueue

ROOM = 250
CALLERS = st.sampled_from(["shop", "panel", "night"])
WAITING = st.lists(st.tuples(CALLERS, st.integers(1, 400)), max_size=30)
LARGE = st.lists(st.tuples(CALLERS, st.integers(TURN + 1, 1000)), max_size=30)


@dataclass(eq=False)
class Asked:
    entries: Sequence[object]
    over: bool = False
    written: list[object] = field(default_factory=list)


def ask(size: int) -> Asked:
    return Asked(range(size))


def filled(waiting: list[tuple[str, int]]) -> tuple[FairQueue[Asked], list[Asked]]:
    queue, asked = FairQueue[Asked](), []
    for caller, size in waiting:
        asked.append(ask(size))
        queue.add(caller, asked[-1])
    return queue, asked


def write(queue: FairQueue[Asked], room: int = ROOM) -> list[Asked]:
    """Take one transaction's parts; gives back the requests that it had."""
    parts = queue.take(room)
    assert sum(len(part.entries) for part in parts) <= room
    for part in parts:
        part.request.written += part.entries
    return [part.request for part in parts]


@given(waiting=WAITING, room=st.integers(1, 300))
def test_each_entry_is_taken_once_and_in_order(
    waiting: list[tuple[str, int]], room: int
) -> None:
    queue, asked = filled(waiting)
    while queue:
        found = write(queue, room)
        assert len(set(map(id, found))) == len(found) > 0
    assert all(one.written == list(one.entries) for one in asked)


@given(waiting=LARGE, before=st.integers(0, 20), caller=CALLERS)
def test_a_small_request_is_in_the_next_transaction_beside_any_large_ones(
    waiting: list[tuple[str, int]], before: int, caller: str
) -> None:
    queue, _ = filled(waiting)
    for _ in range(before):
        queue.take(ROOM)
    for sent_by in (caller, "a newcomer"):
        small = ask(1)
        queue.add(sent_by, small)
        assert small in write(queue)


def test_callers_share_a_transaction_however_many_requests_they_have() -> None:
    queue, asked = filled([("shop", 1000)] * 20 + [("panel", 1000)])
    for _ in range(4):
        write(queue)
    of_panel = len(asked[-1].written)
    of_shop = sum(len(one.written) for one in asked[:-1])
    assert abs(of_shop - of_panel) <= TURN


def test_a_large_request_goes_on_while_small_ones_of_its_caller_keep_coming() -> None:
    queue, [large] = filled([("shop", 5000)])
    for round_number in range(1, 6):
        for _ in range(ROOM):
            queue.add("shop", ask(1))
        write(queue)
        assert len(large.written) >= round_number * ROOM // 2


def test_a_request_that_failed_is_not_written_further() -> None:
    queue, [failed, other] = filled([("shop", 1000), ("shop", 1000)])
    write(queue)
    failed.over, written = True, len(failed.written)
    while queue:
        write(queue)
    assert (len(failed.written), len(other.written)) == (written, 1000)
