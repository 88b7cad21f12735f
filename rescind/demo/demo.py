"""``rescind demo``: runs the whole system on one machine with simulated providers.

Redis, the ledger and the workers are real. The providers fail in a tenth of their
calls. At the end, the demo compares the ledger with the providers' own record.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from rescind.browse.browsing import list_rows
from rescind.browse.counts import calls_made, written
from rescind.browse.wanted import Wanted
from rescind.config.access_tokens import OWN_TOKEN
from rescind.config.accounts import Accounts
from rescind.config.path_ownership import NotOursError, check_ours
from rescind.config.settings import CONCURRENCY
from rescind.demo import demo_report, demo_setup
from rescind.demo.demo_orders import demonstrated, orders_file
from rescind.demo.demo_report import CallCount
from rescind.demo.order_oracle import Verdict, compare
from rescind.demo.progress_display import progress, standings, unfinished
from rescind.demo.sandbox_record import seen
from rescind.demo.stall import StallDetector
from rescind.errors.exceptions import Ending, explain
from rescind.errors.exit_statuses import DONE, INTERRUPTED, UNREACHABLE, WRONG
from rescind.errors.reported import ReportedError
from rescind.intake.files.file_reading import load
from rescind.ledger.reading.queries import as_record
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
)
from rescind.sandbox.sandbox_client import Sandbox, running
from rescind.system.local_system import USUAL_PORT, System
from rescind.system.service_wait import StoppedError
from rescind.system.supervisor import Lines
from rescind.system.up import refuse, stopped_by_signals

LOOK_SECONDS = 0.25
GROUP = "demo"
NOT_GOOD = 1


class DemoError(RuntimeError):
    """The demo cannot go on; the text is a sentence."""


def demo(
    *,
    keep_running: bool = False,
    file: Path | None = None,
    provider: str | None = None,
    concurrency: int = CONCURRENCY,
    flower_port: int | None = USUAL_PORT,
    api_port: int | None = USUAL_PORT,
) -> int:
    """Run the demo; returns 0 if ledger and providers agree on every order."""
    home = Path(tempfile.mkdtemp(prefix="rescind-demo-"))
    status = DONE
    try:
        providers = demonstrated(provider)
        own = orders_file(provider, home) if provider else demo_setup.example()
        chosen = file or own
        # A faulty file is reported before anything is started.
        load(str(chosen))
        ports = (flower_port, api_port)
        one = _Demo(home, chosen, concurrency, ports, providers)
        status = one.run(keep_running=keep_running)
    except (ReportedError, LedgerUnreachableError) as error:
        status = refuse(explain(error) or Ending(WRONG, str(error), "up-failed"))
    except DemoError as error:
        status = refuse(Ending(UNREACHABLE, str(error), "up-failed"))
    except StoppedError:
        status = INTERRUPTED
    finally:
        _clean_up(home, status)
    return status


def _clean_up(home: Path, status: int) -> None:
    """Delete ``home``, unless the demo failed and its files can show why."""
    if status in (DONE, INTERRUPTED, WRONG):
        with suppress(NotOursError):
            check_ours(home)
            shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"rescind: the demo's files are in {home}", file=sys.stderr)


class _Demo:
    """One run of the demo."""

    def __init__(
        self,
        home: Path,
        file: Path,
        concurrency: int,
        ports: tuple[int | None, int | None],
        providers: tuple[str, ...],
    ) -> None:
        self._providers = providers
        self._home = home
        self._file = file
        self._concurrency = concurrency
        self._flower_port, self._api_port = ports
        self._began = time.monotonic()

    def run(self, *, keep_running: bool) -> int:
        chosen = demo_setup.settings_in(self._home)
        with (
            running(**demo_setup.SANDBOX) as box,
            (self._home / "demo.log").open("w", encoding="utf-8") as log,
        ):
            accounts = demo_setup.write_accounts(
                chosen.accounts, box.base_url, self._providers
            )
            system = System(
                chosen,
                concurrency=self._concurrency,
                flower_port=self._flower_port,
                api_port=self._api_port,
                say=Lines(log),
            )
            with stopped_by_signals(system), system:
                status = self._push_through(system, box, accounts)
                if keep_running:
                    self._stay(system, box)
            return status

    def _push_through(self, system: System, box: Sandbox, accounts: Accounts) -> int:
        print(
            f"{demo_setup.shown(self._file)} goes to simulated providers, which fail"
            f" in a tenth of all calls.\nFlower: {system.flower_url or 'off'}"
            f" · dashboard: {system.api_url or 'off'}",
            *system.notes,
            sep="\n",
            end="\n\n",
            flush=True,
        )
        engine = open_ledger(system.settings.database)
        try:
            self._submit(system)
            await_the_end(engine, system.wait, self._providers)
            return self._close(box, engine, accounts, system)
        finally:
            engine.dispose()

    def _submit(self, system: System) -> None:
        """Submit the file with the same command that a user would type."""
        command = [sys.executable, "-m", "rescind", "submit", str(self._file)]
        done = subprocess.run(
            [*command, "--group", GROUP, "--json"],
            env=system.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if system.wait(0):
            raise StoppedError
        # 2 means that some rows are wrong: the others were submitted.
        if done.returncode not in (0, 2) or (done.returncode and not done.stdout):
            raise DemoError(f"submitting failed: {done.stderr.strip()[-500:]}")
        demo_report.print_submitted(done.stdout.splitlines(), done.stderr.splitlines())

    def _close(
        self, box: Sandbox, engine: Engine, accounts: Accounts, system: System
    ) -> int:
        rows, calls = _known(engine)
        wishes = demo_setup.accepted(self._file, accounts)
        orders = [seen(one) for one in box.orders()]
        # A slow machine may leave orders open, which the ledger has not lost.
        verdict = compare(wishes, rows, orders, None)
        print()
        demo_report.print_tables(
            demo_report.outcomes_table(rows, self._providers),
            demo_report.calls_table(calls, self._providers),
        )
        demo_report.print_unresolved(rows)
        took = time.monotonic() - self._began
        where = system.flower_url
        print(f"{took:.1f} s from start to end; Flower was at {where or 'no address'}")
        return _judge(verdict)

    def _stay(self, system: System, box: Sandbox) -> None:
        print(
            f"\nRunning until Ctrl-C: Flower at {system.flower_url or 'no address'},"
            f" the providers at {box.url},\n"
            f"the dashboard at {system.api_url or 'no address'}; to sign in:"
            f" cat {system.home / OWN_TOKEN}\n"
            f"RESCIND_HOME={system.home} rescind list --limit 20",
            flush=True,
        )
        system.wait()


def await_the_end(
    engine: Engine,
    wait: Callable[[float], bool],
    providers: tuple[str, ...],
    stall: StallDetector | None = None,
) -> None:
    """Wait until all cancellations are final, or the run makes no more progress.

    ``wait`` waits for the given seconds, and returns whether the user stopped the demo.
    Raises ``StoppedError`` if so.
    """
    stall = stall or StallDetector()
    with progress() as show:
        while True:
            now = standings(engine, providers)
            show(now)
            if not unfinished(now):
                return
            if stall.stalled(_moves(engine)):
                print(f"no progress for {stall.seconds:g} s: the demo ends here")
                return
            if wait(LOOK_SECONDS):
                raise StoppedError


def _moves(engine: Engine) -> tuple[int, int]:
    with reading(engine) as connection:
        return written(connection)


def _known(engine: Engine) -> tuple[list[dict[str, Any]], list[CallCount]]:
    """All cancellations in the ledger, and the counts of all calls."""
    with reading(engine) as connection:
        found = list_rows(connection, Wanted())
        return [as_record(row) for row in found], calls_made(connection)


def _judge(verdict: Verdict) -> int:
    demo_report.print_verdict(verdict)
    return DONE if verdict.good else NOT_GOOD
