"""The set-up of the demo: its settings, its accounts at the sandbox, and its file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rescind.config.accounts import Accounts, load_accounts
from rescind.config.home import write_private
from rescind.config.settings import Settings
from rescind.demo.facts import Wish
from rescind.intake.files.file_reading import load
from rescind.intake.files.file_rows import FileError
from rescind.intake.validation import check
from rescind.provider.outcomes import InvalidRequestError
from rescind.sandbox.installed_simulations import simulations

EXAMPLE = Path("examples") / "cancellations.csv"

SANDBOX: Mapping[str, object] = {
    "faults": 0.1,
    "settle": 1.5,
    "lag": 1.0,
    "slow_seconds": 2.5,
    "refuse_seconds": 0.15,
    # The real cooldown is half a minute, which is too long for a demo.
    "cooldown": 3.0,
    # A bad id halves batches, and the demo has no time to wait for a minute's window.
    "notpanel_limit": 300,
}
"""The behaviour of the simulated providers: all faults, in a tenth of the calls."""

QUICK: Mapping[str, object] = {
    # Shorter than a slow answer takes, so that slow answers are lost.
    "connect_timeout": 1.0,
    "read_timeout": 2.0,
    "resend_delays": [0.2, 0.5, 1.0, 2.0],
    "poll_delays": [0.5, 1.0, 1.5],
    "verify_delays": [0.2, 1.0, 1.5, 2.0],
    "backoff": [0.2, 0.5, 1.0, 2.0],
    "throttle_wait": 1.0,
    "max_attempts": 12,
    # Longer than the slowest answer: an order that is read as active then is active.
    "active_trusted_after": 3.0,
    # Longer than a queued cancel takes at notpanel.
    "queued_for": 5.0,
    # After this time without a clear answer, an order is "failed/unresolved".
    "verify_for": 15.0,
    "poll_for": 20.0,
}
"""The policy of all accounts: the real delays, shortened from minutes to seconds."""


def example() -> Path:
    """The path of the file of 2,000 cancellations, in a checkout or as installed."""
    here = Path(__file__).resolve().parent
    for folder in (here.parents[1], here, Path.cwd()):
        if (folder / EXAMPLE).is_file():
            return folder / EXAMPLE
    raise FileError(f"{EXAMPLE} was not found: give a file of cancellations instead")


def settings_in(home: Path) -> Settings:
    """Settings that keep the whole system in ``home``, and ignore the environment."""
    return Settings(
        home=home,
        accounts=home / "accounts.toml",
        redis_url=None,
        database_url=None,
        api_tokens=None,
        api_host="127.0.0.1",
        seal_key=None,
        retention=None,
        webhook_secret=None,
        webhook_hosts=None,
        webhook_private=False,
    )


def write_accounts(
    path: Path, base_url: Callable[[str], str], providers: Iterable[str]
) -> Accounts:
    """Write the demo's accounts file, and read it back. Each of ``providers`` has a
    simulation."""
    tables = []
    for provider in providers:
        kind = simulations()[provider]
        own = {**kind.credentials, **kind.demo_policy}
        values = {"base_url": base_url(provider), **QUICK, **own}
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        tables.append("\n".join([f"[{provider}.default]", *lines]))
    write_private(path, "\n\n".join(tables) + "\n")
    accounts = load_accounts(path)
    faults = [lane.fault for lane in accounts.lanes.values() if lane.fault]
    if faults or accounts.fault:
        raise FileError(
            f"the demo's accounts file is wrong: {accounts.fault or faults}"
        )
    return accounts


def accepted(file: Path, accounts: Accounts) -> set[Wish]:
    """The cancellations of ``file`` that must be accepted: every valid row."""
    now = datetime.now(UTC)
    found = set()
    for row in load(str(file)).rows:
        if row.wrong is None:
            wish = _wish(row.entry, accounts, now)
            if wish is not None:
                found.add(wish)
    return found


def _wish(entry: Any, accounts: Accounts, now: datetime) -> Wish | None:
    try:
        checked = check(entry, accounts, now)
    except InvalidRequestError:
        return None
    return checked.provider.name, checked.account, checked.key


def shown(path: Path) -> str:
    """``path`` relative to this folder, if it is below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
