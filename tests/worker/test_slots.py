"""A provider keeps no more of a worker busy than its places, whatever happens."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.arrivals import Arrivals, made_ready
from providers.registry import PROVIDERS
from tests.ledger.build import NOW, new
from worker import slots
from worker.handoff import Inbox

ONE = (1, 1)


@contextmanager
def kept_by_another(call: str) -> Iterator[subprocess.Popen[str]]:
    """Another child of this worker, within ``call``."""
    program = (
        "from worker import slots; import sys\n"
        f"slots._worker = {slots._worker}\n"
        f"with slots.{call} as mine:\n"
        "    print(bool(mine), flush=True); sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program]
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "True"
        yield child
    finally:
        child.kill()
        child.wait()


def test_an_operation_of_a_lane_is_worked_on_once_at_a_time() -> None:
    with slots.lane("notpanel", "one", "cancel") as mine:
        with slots.lane("notpanel", "one", "cancel") as again:
            assert (mine, again) == (True, False)
        with slots.lane("notpanel", "one", "poll") as other:
            assert other
        with slots.lane("notpanel", "two", "cancel") as beside:
            assert beside
    with slots.lane("notpanel", "one", "cancel") as later:
        assert later


def test_an_account_is_no_path() -> None:
    with slots.lane("notpanel", "../../else/where", "cancel") as mine:
        assert mine


def test_no_more_serve_a_provider_than_it_has_places() -> None:
    with (
        slots.serving("ithink", (2, 0)) as first,
        slots.serving("ithink", (2, 0)) as second,
        slots.serving("ithink", (2, 0)) as third,
        slots.serving("akinon", (2, 0)) as other,
    ):
        assert first
        assert second
        assert third is None
        assert other


def test_who_leaves_lets_another_serve_and_no_more_leave_than_have_places() -> None:
    with slots.serving("ithink", ONE) as first:
        assert first
        assert first.leave()
        with slots.serving("ithink", ONE) as second:
            assert second
            assert not second.leave()
            with slots.serving("ithink", ONE) as third:
                assert third is None
            first.close()
            assert second.leave()


def test_where_there_is_no_place_to_leave_to_nobody_leaves() -> None:
    with slots.serving("ithink", (1, 0)) as only:
        assert only
        assert not only.leave()


def test_a_killed_child_gives_its_place_and_its_lane_back() -> None:
    with kept_by_another("serving('dukkango', (1, 1))") as child:
        with slots.serving("dukkango", ONE) as mine:
            assert mine is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with slots.serving("dukkango", ONE) as mine:
            assert mine is not None
    with kept_by_another("lane('dukkango', 'one', 'cancel')") as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with slots.lane("dukkango", "one", "cancel") as free:
            assert free


def test_who_serves_hears_of_wake_ups_that_others_took() -> None:
    with slots.serving("akinon", ONE) as place:
        assert place
        assert slots.ring("akinon", ONE, ("one", "cancel"))
        assert not slots.ring("ithink", ONE, ("three", "poll"))
        assert place.bell.wait(5) == [("one", "cancel")]


def test_all_who_serve_hear_of_it() -> None:
    two = (2, 0)
    with slots.serving("akinon", two) as first, slots.serving("akinon", two) as second:
        assert first
        assert second
        assert slots.ring("akinon", two, ("one", "cancel"))
        assert first.bell.wait(5) == second.bell.wait(5) == [("one", "cancel")]


def test_nobody_hears_where_nobody_serves() -> None:
    assert not slots.ring("akinon", ONE, ("one", "cancel"))
    with slots.serving("akinon", ONE) as place:
        assert place
        assert place.leave()
        assert not slots.ring("akinon", ONE, ("one", "cancel"))


def test_what_was_rung_before_a_child_left_is_not_lost() -> None:
    with slots.serving("akinon", ONE) as place:
        assert place
        assert slots.ring("akinon", ONE, ("one", "cancel"))
        assert place.leave()
        assert place.unheard() == {("one", "cancel")}
        assert place.unheard() == set()


def test_every_provider_has_a_place_and_intake_has_room() -> None:
    assert slots.places_for(1) == (1, 0)
    assert slots.places_for(12) == (1, 1)
    assert slots.places_for(22) == (2, 2)
    for children in range(7, 100):
        each = sum(slots.places_for(children))
        assert each * len(PROVIDERS) + slots.OTHERS <= children


def test_children_wait_for_work_only_where_intake_and_sweep_have_others() -> None:
    for children in range(1, 100):
        serving, _ = slots.places_for(children)
        room = serving * len(PROVIDERS) + slots.BESIDE <= children
        assert slots.may_linger(children) == room


def test_what_is_for_one_child_alone_is_for_one_at_a_time() -> None:
    with kept_by_another('turn("schedules")') as child:
        with slots.turn("schedules") as mine, slots.turn("others") as beside:
            assert mine is None
            assert beside is not None
        child.send_signal(signal.SIGKILL)
        child.wait()
        with slots.turn("schedules") as mine:
            assert mine is not None


# --- handing over ---------------------------------------------------------------------


def orders() -> Arrivals:
    return made_ready([new("1", lane=("akinon", "an/odd name"))], NOW)


def answer(inbox: Inbox | None) -> None:
    """As a child that serves would."""
    assert inbox is not None
    assert select.select([inbox], [], [], 10)[0], "nobody came"
    came = inbox.accept()
    assert came is not None
    came.kept = came.waiting
    came.answer()


def test_who_serves_is_handed_new_orders() -> None:
    with ThreadPoolExecutor(1) as threads, slots.serving("akinon", ONE) as place:
        assert place
        kept = threads.submit(slots.hand_over, "akinon", ONE, orders())
        answer(place.inbox)
        assert kept.result() == frozenset()


def test_where_nobody_serves_nothing_is_handed_over() -> None:
    assert slots.hand_over("akinon", ONE, orders()) is None
    with slots.serving("ithink", ONE):
        assert slots.hand_over("akinon", ONE, orders()) is None


def test_who_ends_leaves_the_next_ones_inbox_open() -> None:
    with ThreadPoolExecutor(1) as threads, slots.serving("akinon", ONE) as first:
        assert first
        assert first.leave()
        with slots.serving("akinon", ONE) as second:
            assert second
            first.close()
            kept = threads.submit(slots.hand_over, "akinon", ONE, orders())
            answer(second.inbox)
            assert kept.result() == frozenset()


def test_what_one_does_not_answer_another_is_offered() -> None:
    two = (2, 0)
    with (
        ThreadPoolExecutor(1) as threads,
        slots.serving("akinon", two) as first,
        slots.serving("akinon", two) as second,
    ):
        assert first
        assert second
        kept = threads.submit(slots.hand_over, "akinon", two, orders())
        assert first.inbox
        assert select.select([first.inbox], [], [], 10)[0]
        broken = first.inbox.accept()
        assert broken
        broken.pipe.close()
        answer(second.inbox)
        assert kept.result() == frozenset()


def test_where_a_socket_cannot_be_there_is_a_place_without_an_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with slots.serving("akinon", ONE) as place:
        assert place
        assert place.inbox is None
        assert "go by way of the ledger" in capsys.readouterr().out
        assert slots.hand_over("akinon", ONE, orders()) is None
        assert slots.ring("akinon", ONE, ("one", "cancel"))
        assert place.bell.wait(5) == [("one", "cancel")]
        assert place.leave()
    with slots.serving("akinon", ONE) as place:
        assert place


def test_another_workers_children_are_offered_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with slots.serving("akinon", ONE):
        monkeypatch.setattr(slots, "_worker", 2**40)
        assert slots.hand_over("akinon", ONE, orders()) is None
        slots.clear()


def test_nobody_else_on_the_machine_can_come_to_the_door() -> None:
    with slots.serving("akinon", ONE) as place:
        assert place
        folder = slots._inbox("akinon", 0).parent
        for one in (folder, folder.parent):
            assert one.stat().st_mode & 0o077 == 0


def test_a_worker_begins_in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    base = tmp_path / f"rescind-{os.getuid()}"
    base.mkdir()
    base.chmod(0o777)
    slots.adopt()
    assert base.stat().st_mode & 0o777 == 0o700


def test_a_worker_does_not_begin_in_somebody_elses_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"rescind-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(SystemExit, match="belongs to somebody else: remove it"):
        slots.adopt()
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    with pytest.raises(SystemExit, match="belongs to somebody else: remove it"):
        # Made by this user, and so not by that one.
        slots.adopt()
