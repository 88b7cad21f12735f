"""``rescind up``: the whole system in one terminal, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rescind.config.access_tokens import OWN_TOKEN
from rescind.config.accounts import Accounts, load_accounts
from rescind.config.home import make_private_folder
from rescind.config.path_ownership import check_ours
from rescind.config.settings import (
    CONCURRENCY,
    Settings,
    SettingsError,
    settings,
    without_password,
)
from rescind.errors.exceptions import Ending, explain
from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.messages import say as say_error
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.schedules.rules import load_schedules
from rescind.system.embedded_redis import EmbeddedError
from rescind.system.local_system import USUAL_PORT, System
from rescind.system.service_wait import StoppedError, UpError
from rescind.system.supervisor import Lines, Say

LOG = "up.log"
STOPPING = b"\nStopping when calls in flight have ended. Ctrl-C again: immediately.\n"
UNDER = "\n" + " " * 13
"""Starts a further line of a value in the banner."""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    *,
    concurrency: int = CONCURRENCY,
    flower_port: int | None = USUAL_PORT,
    api_port: int | None = USUAL_PORT,
    quiet: bool = False,
) -> int:
    """Run the whole system until Ctrl-C; returns the exit status.

    ``quiet`` writes the programs' output to ``up.log`` in the home folder.
    """
    try:
        chosen = settings()
        with _saying(chosen.home, quiet=quiet) as say:
            system = System(
                chosen,
                concurrency=concurrency,
                flower_port=flower_port,
                api_port=api_port,
                say=say,
            )
            return _run(system)
    except (UpError, EmbeddedError, LedgerUnreachableError, SettingsError) as error:
        return refuse(explain(error) or Ending(WRONG, str(error), "up-failed"))
    except ValueError as error:
        return refuse(Ending(WRONG, str(error), "database-url"))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        says = f"{where}{error.strerror or error}"
        return refuse(Ending(UNREACHABLE, says, "file-unusable"))


def _run(system: System) -> int:
    chosen = system.settings
    with stopped_by_signals(system):
        try:
            with system:
                system.wait_for_api()
                print(banner(system, load_accounts(chosen.accounts)), flush=True)
                system.wait()
        except StoppedError:
            pass
    return 0


def refuse(ending: Ending) -> int:
    """Print why the command ends, and the section that explains it; exit status."""
    say_error(ending.says, ending.problem)
    return ending.status


@contextmanager
def _saying(home: Path, *, quiet: bool) -> Iterator[Say]:
    if not quiet:
        yield Lines(sys.stderr)
        return
    make_private_folder(home)
    check_ours(home / LOG)
    with (home / LOG).open("a", encoding="utf-8") as log:
        yield Lines(log)


@contextmanager
def stopped_by_signals(system: System) -> Iterator[None]:
    """The first Ctrl-C stops ``system`` gracefully, a second one immediately."""
    asked = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            system.kill()
            return
        asked = True
        if number == signal.SIGINT:
            # Not through sys.stderr, which may be writing a line just now.
            os.write(2, STOPPING)
        system.ask_to_stop()

    former = {number: signal.signal(number, stop) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def banner(system: System, accounts: Accounts) -> str:
    """The addresses of all parts of the system, printed after the start."""
    chosen = system.settings
    redis = without_password(system.redis_url)
    if chosen.embedded_redis:
        redis += "  (embedded; `rescind env` prints the whole URL)"
    lines = {
        "Redis": redis,
        "Ledger": without_password(chosen.database),
        "Accounts": _lanes(accounts) or str(chosen.accounts),
        "Flower": system.flower_url or "off",
        "Dashboard": system.api_url or "off",
    }
    if system.api_url is not None:
        lines["Token"] = _where_the_token_is(system)
    if scheduled := _scheduled(chosen):
        lines["Schedule"] = scheduled
    shown = "\n".join(f"  {name:<11}{value}" for name, value in lines.items())
    notes = "".join(f"  {note}\n" for note in system.notes)
    return f"Rescind is up; Ctrl-C stops it.\n{shown}\n{notes}"


def _scheduled(chosen: Settings) -> str:
    """The valid rules of the schedules file, and the faults of the others."""
    found = load_schedules(chosen.schedules)
    wrong = [found.fault, *found.faults.values(), *found.warnings]
    listed = [", ".join(found.rules)] if found.rules else []
    return UNDER.join([*listed, *(one for one in wrong if one)])


def _where_the_token_is(system: System) -> str:
    listed, file = system.settings.api_tokens, system.settings.api_tokens_file
    if file is not None:
        return f"to sign in to the dashboard: one of the tokens in {file}"
    if listed is not None and listed.get_secret_value().strip():
        return "to sign in to the dashboard: one of RESCIND_API_TOKENS"
    return f"to sign in to the dashboard: {system.home / OWN_TOKEN}"


def _lanes(accounts: Accounts) -> str:
    """The lanes that can be called, and the faults of the others."""
    good = [
        "/".join(lane) for lane, found in accounts.lanes.items() if found.fault is None
    ]
    faults = [found.fault for found in accounts.lanes.values() if found.fault]
    wrong = [accounts.fault, *faults, *accounts.warnings]
    listed = [", ".join(good)] if good else []
    return UNDER.join([*listed, *(one for one in wrong if one)])
