"""A provider keeps no more of a worker busy than its slots, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from worker import slots


def test_a_lane_is_worked_on_once_at_a_time() -> None:
    with slots.held("notpanel", "one", "cancel", 2) as mine:
        assert mine
        with slots.held("notpanel", "one", "cancel", 2) as again:
            assert not again
    with slots.held("notpanel", "one", "cancel", 2) as later:
        assert later


def test_lanes_of_one_provider_share_its_slots() -> None:
    with (
        slots.held("ithink", "one", "cancel", 1) as first,
        slots.held("ithink", "two", "cancel", 1) as second,
        slots.held("ithink", "two", "poll", 1) as read,
        slots.held("ithink", "two", "verify", 1) as other_read,
        slots.held("akinon", "one", "cancel", 1) as other,
    ):
        assert (first, second, read, other_read, other) == (
            True,
            False,
            True,
            False,
            True,
        )


def test_a_killed_child_gives_its_slot_back() -> None:
    program = (
        "from worker import slots; import sys\n"
        f"slots._worker = {slots._worker}\n"
        "with slots.held('dukkango', 'killed', 'cancel', 1) as mine:\n"
        "    print(mine, flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "True"
    with slots.held("dukkango", "killed", "cancel", 1) as mine:
        assert not mine
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    with slots.held("dukkango", "killed", "cancel", 1) as mine:
        assert mine


def test_every_provider_has_a_slot_and_intake_has_room() -> None:
    assert slots.slots_for(1) == 1
    assert slots.slots_for(12) == 1
    assert slots.slots_for(22) == 2
