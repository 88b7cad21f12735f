"""Tests of the demo: its oracle catches every kind of offence; a real run has none."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine

from rescind.demo import demo, demo_report, demo_setup
from rescind.demo.demo_orders import demonstrated
from rescind.demo.facts import LedgerRow, Offence, Order, Seen, Wish
from rescind.demo.order_oracle import Verdict, compare
from rescind.demo.progress_display import Standing, progress
from rescind.demo.sandbox_record import seen
from rescind.demo.stall import STALL_SECONDS, StallDetector
from rescind.ledger.states import State
from rescind.sandbox.sandbox_client import running
from rescind.system.service_wait import StoppedError
from tests.ledger.build import NOW, change, hold, make, new, take_in

NAMES = demonstrated(None)
CANCEL = Seen("cancel", acted=True, changed=True, answered=True, status=200)
UNSENT = Seen("cancel")
READ = Seen("read", acted=True, answered=True, status=200)


def row(state: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"provider": "notpanel", "account": "default"}
    base |= {"order": "o1", "key": "o1", "params": {}, "attempts": 1}
    return {**base, "state": state, "reason": reason, **more}


def order(truth: str, *calls: Seen, **more: Any) -> Order:
    named = {"provider": "notpanel", "order": "o1", **more}
    return Order(truth=truth, calls=calls, **named)


def compared(
    accepted: Collection[Wish], rows: Sequence[LedgerRow], orders: Sequence[Order]
) -> Verdict:
    """The verdict on a ledger that was read at ``NOW``."""
    return compare(accepted, rows, orders, NOW)


def judge(ledger: dict[str, Any], truth: Order | None) -> Verdict:
    return compared((), [ledger], [] if truth is None else [truth])


# --- untrue -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ledger", "truth"),
    [
        (row("cancelled", "confirmed"), order("cancelled", CANCEL)),
        (row("cancelled", "already_cancelled"), order("cancelled", READ)),
        (row("cancelled", "partial"), order("partial", CANCEL)),
        (row("rejected", "already_completed"), order("completed", READ)),
        (row("rejected", "not_supported"), order("unsupported", READ)),
        (row("rejected", "not_found"), order("missing", READ)),
        (row("rejected", "refused"), order("active", READ)),
        (row("expired", "deadline_passed"), order("active", UNSENT)),
        (row("expired", "deadline_passed"), order("cancelled", UNSENT)),
        (row("expired", "deadline_passed"), None),
        (row("failed", "unresolved"), order("cancelled", CANCEL)),
        (row("failed", "attempts_exhausted"), order("active", UNSENT)),
        (row("rejected", "invalid_request", attempts=0), order("cancelled", CANCEL)),
    ],
)
def test_true_outcomes_are_accepted(
    ledger: dict[str, Any], truth: Order | None
) -> None:
    verdict = judge(ledger, truth)
    assert verdict.good, list(verdict.offences())


@pytest.mark.parametrize(
    ("ledger", "truth", "why"),
    [
        (row("cancelled", "confirmed"), order("active", UNSENT), "it is active"),
        (row("cancelled", "confirmed"), order("completed"), "it is completed"),
        (row("cancelled", "confirmed"), order("cancelling"), "it is cancelling"),
        (row("cancelled", "confirmed"), order("unsupported"), "it is unsupported"),
        (row("cancelled", "inferred"), order("missing"), "it is missing"),
        (row("cancelled", "confirmed"), order("partial"), "only a part of it"),
        (row("cancelled", "confirmed"), None, "never asked"),
        (row("rejected", "not_found"), order("cancelled", CANCEL), "it is cancelled"),
        (row("rejected", "refused"), order("cancelled", READ), "it is cancelled"),
        (row("rejected", "refused"), order("cancelling", CANCEL), "cancelling"),
        (row("rejected", "refused"), order("partial", CANCEL), "it is partial"),
        (
            row("rejected", "invalid_request"),
            order("cancelled", CANCEL),
            "it is cancelled",
        ),
        (
            row("expired", "deadline_passed"),
            order("cancelled", CANCEL),
            "our call made it cancelled",
        ),
    ],
)
def test_untrue_outcomes_are_caught(
    ledger: dict[str, Any], truth: Order | None, why: str
) -> None:
    verdict = judge(ledger, truth)
    (offence,) = verdict.untrue
    assert why in offence.why
    assert (offence.provider, offence.order) == ("notpanel", "o1")
    assert not verdict.good


FORGOTTEN = Seen("read", acted=True, answered=True, status=455)


@pytest.mark.parametrize(
    ("ledger", "truth", "good"),
    [
        (("cancelled", "inferred"), order("missing"), True),
        (("cancelled", "confirmed"), order("missing"), False),
        # The order was cancelled long ago and deleted; any caller gets this answer.
        (("rejected", "not_found"), order("cancelled", UNSENT, FORGOTTEN), True),
        (("rejected", "not_found"), order("cancelled", UNSENT), False),
        (("rejected", "not_found"), order("cancelled", CANCEL, FORGOTTEN), False),
        (("rejected", "window_closed"), order("cancelled", FORGOTTEN), False),
    ],
)
def test_an_order_that_iletimerkezi_has_forgotten(
    ledger: tuple[str, str], truth: Order, good: bool
) -> None:
    held = replace(truth, provider="iletimerkezi")
    assert judge(row(*ledger, provider="iletimerkezi"), held).good is good


@pytest.mark.parametrize(
    ("state", "params", "truth", "items", "good"),
    [
        ("cancelled", {"cancel_items": [1]}, "partial", {"1": "cancelled"}, True),
        ("cancelled", {"cancel_items": [1]}, "active", {"1": "400"}, False),
        ("cancelled", {"cancel_items": [1]}, "active", {}, False),
        (
            "cancelled",
            {"cancel_items": [1, 2]},
            "partial",
            {"1": "cancelled", "2": "400"},
            False,
        ),
        ("cancelled", {"cancel_items": [1]}, "cancelling", {"1": "cancelling"}, False),
        ("cancelled", {"is_all": True}, "partial", {"1": "cancelled"}, False),
        ("cancelled", {"is_all": True}, "cancelled", {"1": "cancelled"}, True),
        ("rejected", {"cancel_items": [1]}, "partial", {"1": "cancelled"}, False),
        ("rejected", {"cancel_items": [2]}, "partial", {"1": "cancelled"}, True),
        ("rejected", {"is_all": True}, "partial", {"1": "cancelled"}, True),
        ("rejected", {"is_all": True}, "cancelled", {"1": "cancelled"}, False),
    ],
)
def test_only_the_cancelled_items_of_an_akinon_order_count(
    state: str, params: dict[str, Any], truth: str, items: dict[str, str], good: bool
) -> None:
    reason = "confirmed" if state == "cancelled" else "window_closed"
    ledger = row(state, reason, provider="akinon", params=params)
    held = order(truth, CANCEL, provider="akinon", items=items)
    assert judge(ledger, held).good is good


# --- lost, and not finished ---------------------------------------------------------


@pytest.mark.parametrize(
    "state", ["scheduled", "queued", "sending", "verifying", "requested"]
)
def test_a_row_that_is_due_again_is_unfinished_and_not_lost(state: str) -> None:
    due = NOW.isoformat()
    verdict = judge(row(state, due_at=due), order("active"))
    why = f"still {state} at the end, due at {due}"
    assert verdict.unfinished == (Offence("notpanel", "o1", why),)
    assert not verdict.lost
    assert not verdict.good


def test_a_row_with_a_dead_lease_is_lost() -> None:
    lease_ended = (NOW - timedelta(minutes=1)).isoformat()
    verdict = judge(row("sending", due_at=lease_ended), order("active"))
    (offence,) = verdict.lost
    assert offence.why == f"its lease ended at {lease_ended}, and nothing has freed it"
    assert not verdict.unfinished


@pytest.mark.parametrize("state", ["queued", "sending", "verifying", "requested"])
def test_the_demo_itself_calls_an_open_row_not_finished_and_never_lost(
    state: str,
) -> None:
    open_row = row(state, due_at=(NOW - timedelta(days=1)).isoformat())
    verdict = compare([], [open_row], [], None)
    assert (verdict.lost, len(verdict.unfinished)) == ((), 1)


def test_an_accepted_cancellation_without_a_row_is_lost() -> None:
    accepted = {("notpanel", "default", "o1"), ("notpanel", "default", "o2")}
    held = order("cancelled", CANCEL)
    (offence,) = compared(accepted, [row("cancelled", "confirmed")], [held]).lost
    assert offence.order == "o2"


def test_an_accepted_cancellation_kept_as_invalid_is_lost() -> None:
    ledger = row("rejected", "invalid_request", attempts=0)
    assert compared({("notpanel", "default", "o1")}, [ledger], []).lost


# --- sent twice ---------------------------------------------------------------------

REFUSED = Seen("cancel", acted=True, answered=True, status=400)
LOST = Seen("cancel", acted=True, changed=True)
DEAF = Seen("read", acted=True)
ACTIVE = Seen("read", acted=True, answered=True, status=200, active=True)
INACTIVE = Seen("read", acted=True, answered=True, status=200, active=False)


@pytest.mark.parametrize(
    ("provider", "calls", "good"),
    [
        ("ithink", [LOST], True),
        ("ithink", [LOST, LOST], False),
        # The call arrived, but the provider had not processed it yet.
        ("ithink", [LOST, UNSENT], False),
        ("ithink", [UNSENT, UNSENT, LOST], True),
        ("ithink", [LOST, READ, CANCEL], False),
        ("ithink", [LOST, DEAF, CANCEL], False),
        ("ithink", [LOST, ACTIVE, CANCEL], True),
        ("ithink", [LOST, INACTIVE, CANCEL], False),
        ("akinon", [LOST, ACTIVE, CANCEL], False),
        ("ithink", [REFUSED, CANCEL], False),
        ("ithink", [REFUSED, READ, CANCEL], True),
        ("iletimerkezi", [LOST, READ, UNSENT], False),
        ("akinon", [LOST, LOST], False),
        ("notpanel", [LOST, LOST], False),
        ("notpanel", [LOST, READ, CANCEL], True),
        ("notpanel", [LOST, DEAF, CANCEL], False),
        ("notpanel", [LOST, READ, CANCEL, CANCEL], False),
        ("dukkango", [LOST, LOST, CANCEL], True),
    ],
)
def test_a_second_cancel_needs_a_reading(
    provider: str, calls: list[Seen], good: bool
) -> None:
    ledger = row("cancelled", "confirmed", provider=provider)
    verdict = judge(ledger, order("cancelled", *calls, provider=provider))
    assert verdict.good is good
    assert not verdict.untrue


def test_each_cancellation_of_an_order_has_a_call_of_its_own() -> None:
    rows = [
        row("cancelled", "confirmed", provider="akinon", key=f"o1/{item}")
        | {"params": {"cancel_items": [item]}}
        for item in (1, 2)
    ]
    items = {"1": "cancelled", "2": "cancelled"}
    held = {"provider": "akinon", "items": items}
    assert compared((), rows, [order("cancelled", CANCEL, CANCEL, **held)]).good
    thrice = order("cancelled", CANCEL, CANCEL, CANCEL, **held)
    assert len(compared((), rows, [thrice]).twice) == 1


def test_an_order_that_was_sent_many_times_is_one_line() -> None:
    one = order("cancelled", LOST, LOST, LOST, provider="ithink")
    (offence,) = judge(row("cancelled", "confirmed", provider="ithink"), one).twice
    assert "calls 2, 3 cancelled again" in offence.why
    assert "may_ask_again" in offence.why


# --- the report ---------------------------------------------------------------------


def test_the_last_line_counts_and_every_offence_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = Offence("ithink", "86210010463", "the ledger says cancelled: it is active")
    waits = Offence("ithink", "86210010464", "still verifying at the end")
    verdict = Verdict(3, untrue=(bad,), twice=(bad, bad), unfinished=(waits,))
    demo_report.print_verdict(verdict)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("untrue: ithink 86210010463: the ledger says")
    assert lines[-2] == "not finished: ithink 86210010464: still verifying at the end"
    assert lines[-1] == "orders untrue 1, lost 0, sent twice 2, not finished 1"


def test_tables_add_up() -> None:
    rows = [
        row("cancelled", "confirmed"),
        row("cancelled", "confirmed", provider="ithink"),
        row("rejected", "invalid_request", provider="yurtici"),
    ]
    shown = _drawn(demo_report.outcomes_table(rows, ("ithink", "notpanel")))
    assert shown[0].split() == ["outcome", "ithink", "notpanel", "others", "all"]
    assert shown[2].split() == ["cancelled/confirmed", "1", "1", "·", "2"]
    assert shown[3].split() == ["rejected/invalid_request", "·", "·", "1", "1"]
    assert shown[-1].split() == ["all", "1", "1", "1", "3"]
    calls = [("ithink", "cancel", "answered", 7), ("ithink", "cancel", "maybe_done", 2)]
    shown = _drawn(demo_report.calls_table(calls, ("ithink", "notpanel")))
    assert ["cancel", "calls", "9", "·", "9"] in [line.split() for line in shown]
    assert ["answer", "lost", "2", "·", "2"] in [line.split() for line in shown]


def _drawn(table: Any) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=100).print(table)
    return [line for line in out.getvalue().splitlines() if line.strip()]


def test_progress_without_a_terminal_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress() as show:
        show({"ithink": Standing(1, {"queued": 2})})
        show({"ithink": Standing(2, {"queued": 1})})
        show({"ithink": Standing(3)})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("s  ")[1] for line in lines] == ["ithink 1/3", "ithink 3/3"]


# --- how long it waits --------------------------------------------------------------

EVERY = 10.0
"""The seconds of each wait."""


class Run:
    """A run whose time passes only while the demo waits.

    In each of these waits one cancellation ends.
    """

    def __init__(self, engine: Engine, ends_in: Collection[int]) -> None:
        self.engine = engine
        self.ends_in = ends_in
        self.waits = 0
        take_in(engine, [new(str(n)) for n in ends_in])

    def clock(self) -> float:
        return self.waits * EVERY

    def wait(self, seconds: float) -> bool:
        assert seconds == demo.LOOK_SECONDS
        self.waits += 1
        if self.waits in self.ends_in:
            (held,) = hold(self.engine, limit=1)
            make(self.engine, [change(held, State.CANCELLED)])
        return False

    def seconds(self) -> float:
        """The seconds that the demo waits."""
        stall = StallDetector(STALL_SECONDS, self.clock)
        demo.await_the_end(self.engine, self.wait, NAMES, stall)
        return self.clock()


def test_the_demo_waits_as_long_as_there_is_progress(engine: Engine) -> None:
    slow = range(5, 41, 5)
    assert Run(engine, slow).seconds() == 40 * EVERY


def test_the_demo_waits_at_most_a_minute_without_progress(
    engine: Engine,
) -> None:
    stuck = Run(engine, (1, 5, 1000))
    assert stuck.seconds() == 5 * EVERY + STALL_SECONDS


def test_the_demo_does_not_wait_once_all_has_ended(engine: Engine) -> None:
    assert Run(engine, ()).seconds() == 0


def test_the_demo_stops_waiting_when_it_is_stopped(engine: Engine) -> None:
    take_in(engine, [new()])
    with pytest.raises(StoppedError):
        demo.await_the_end(engine, lambda _: True, NAMES)


def test_unreadable_progress_counts_as_none() -> None:
    now = 0.0
    stall = StallDetector(60, lambda: now)
    assert not stall.stalled("one")
    now = 59.0
    assert not stall.stalled(None)
    now = 60.0
    assert stall.stalled(None)
    assert stall.stalled("one")
    assert not stall.stalled("another")


# --- the file, the accounts, the record ----------------------------------------------


def test_the_demo_ignores_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://elsewhere:6379/0")
    monkeypatch.setenv("RESCIND_DATABASE_URL", "postgresql+psycopg://elsewhere/x")
    chosen = demo_setup.settings_in(tmp_path)
    assert chosen.embedded_redis
    assert chosen.embedded_database


def test_accounts_of_the_demo_are_good(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    accounts = demo_setup.write_accounts(
        path, lambda p: f"http://127.0.0.1:1/{p}", NAMES
    )
    assert {lane[0] for lane in accounts.lanes} == set(NAMES)
    assert all(config.fault is None for config in accounts.lanes.values())
    slow = float(str(demo_setup.SANDBOX["slow_seconds"]))
    for config in accounts.lanes.values():
        # A slow answer must be lost, or the demo would not show lost answers.
        assert config.policy.read_timeout < slow


def test_every_valid_row_must_be_accepted(tmp_path: Path) -> None:
    accounts = demo_setup.write_accounts(
        tmp_path / "accounts.toml", lambda p: f"http://127.0.0.1:1/{p}", NAMES
    )
    file = tmp_path / "some.csv"
    file.write_text(
        "provider,order,key\n"
        "ithink,86210010463,\n"
        "ithink,86210010463,\n"
        "ithink,86210010464,mine\n"
        "ithink,8 6,bad\n"
        "nobody,1,worse\n"
    )
    assert demo_setup.accepted(file, accounts) == {
        ("ithink", "default", "86210010463"),
        ("ithink", "default", "mine"),
    }


def test_the_example_is_found() -> None:
    assert demo_setup.example().name == "cancellations.csv"


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.demo(file=tmp_path / "none.csv") == 2
    assert "none.csv does not exist" in capsys.readouterr().err


def test_the_sandboxs_record_is_converted() -> None:
    with running() as box:
        box.seed("iletimerkezi", "312891245", "scheduled")
        base = box.base_url("iletimerkezi")
        _ask(f"{base}/v1/get-report/json", "312891245")
        _ask(f"{base}/v1/cancel-order/json", "312891245")
        _ask(f"{base}/v1/cancel-order/json", "312891245")
        (found,) = [seen(one) for one in box.orders()]
    assert (found.provider, found.order) == ("iletimerkezi", "312891245")
    assert found.truth == "cancelled"
    assert found.changed_by_us
    read, first, second = found.calls
    assert (read.op, read.answered, read.active) == ("read", True, True)
    assert (first.op, first.acted, first.answered) == ("cancel", True, True)
    assert (second.op, second.acted, second.answered) == ("cancel", False, True)
    ledger = row("cancelled", "confirmed", provider="iletimerkezi", order="312891245")
    verdict = compared((), [ledger], [found])
    assert [kind for kind, _ in verdict.offences()] == ["twice"]


@pytest.mark.parametrize("kind", ["drop_after", "error_500_after", "garbage"])
def test_a_spoilt_reading_counts_as_unanswered(kind: str) -> None:
    with running() as box:
        box.script("iletimerkezi", "read", kind)
        with suppress(OSError):
            _ask(f"{box.base_url('iletimerkezi')}/v1/get-report/json", "312891245")
        (found,) = [seen(one) for one in box.orders()]
    assert [call.answered for call in found.calls] == [False]


def _ask(url: str, order_id: str) -> None:
    import requests

    login = {"key": "k", "hash": "h"}
    body = {"request": {"authentication": login, "order": {"id": order_id}}}
    requests.post(url, json=body, timeout=60)


# --- for real -----------------------------------------------------------------------

CODE = (
    "import sys; from pathlib import Path; from rescind.demo.demo import demo;"
    " sys.exit(demo(file=Path(sys.argv[1]), flower_port=None,"
    " keep_running='keep' in sys.argv))"
)
ROWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("notpanel", "ord_01HG9X7KJP{:02}", {}),
    ("ithink", "862100104{:02}", {}),
    ("iletimerkezi", "3128912{:02}", {}),
    ("akinon", "10482{:02}", {"is_all": True, "reasons": {"101": 2}}),
    ("dukkango", "6a71e4ac-7a26-4e90-a753-a5a0f076e1{:02}", {"reason_id": 4}),
)


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    file = tmp_path / "small.jsonl"
    lines = [
        json.dumps({"provider": name, "order": form.format(n), "params": params})
        for name, form, params in ROWS
        for n in range(10, 22)
    ]
    file.write_text("\n".join([*lines, '{"provider": "nobody", "order": "1"}']) + "\n")
    return file


@pytest.fixture
def started(small_file: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that the test starts; the fixture ends them."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("unresolved", "said"), [(3, True), (2, False)])
def test_many_orders_that_stay_unknown_are_a_line_of_the_report(
    unresolved: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row("cancelled", "confirmed", provider="ithink") for _ in range(12)]
    rows += [row("cancelled", "confirmed") for _ in range(12 - unresolved)]
    rows += [row("failed", "unresolved") for _ in range(unresolved)]
    rows += [row("failed", "attempts_exhausted", provider="ithink") for _ in range(9)]
    demo_report.print_unresolved(rows)
    out = capsys.readouterr().out
    line = "notpanel: 3 of 12 ended as failed/unresolved"
    assert out.startswith(line) if said else out == ""


@pytest.mark.timeout(600)  # it ends by itself, a minute after nothing moves
def test_a_small_file_ends_with_ledger_and_providers_in_agreement(
    small_file: Path, started: list[subprocess.Popen[str]]
) -> None:
    process = _demo(small_file)
    started.append(process)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    last = out.splitlines()[-1]
    assert last == "orders untrue 0, lost 0, sent twice 0, not finished 0"
    assert "61 cancellations submitted, 1 of them refused as wrong" in out
    assert "  line 61: " in out


@pytest.mark.timeout(600)
def test_with_keep_running_the_demo_runs_until_interrupted(
    small_file: Path, started: list[subprocess.Popen[str]]
) -> None:
    process = _demo(small_file, "keep")
    started.append(process)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Running until"):
            break
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert time.monotonic() - began < 30


def _demo(file: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(file), *words],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
