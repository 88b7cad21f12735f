"""The next step for the user, derived from the results of ``rescind doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.operations.findings import Check, Level
from rescind.operations.first_command import (
    easiest,
    first_command,
    needs_params,
)
from rescind.operations.redis_service import START


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the work in the ledger, as far as the next step depends on it."""

    begun: bool = False
    """Whether any cancellation was ever submitted."""
    held: str | None = None
    """A lane that is held in the ledger, by a fault of its account if there is one."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The next step in words, and the command for it, if there is one."""

    says: str
    run: str | None = None

    def line(self) -> str:
        return f"{'next':<35} {self.says}"

    def document(self) -> dict[str, Any]:
        named = {"what": "next", "level": "ok", "says": self.says, "problem": None}
        return {**named, "next": self.run}


INIT = Step(
    "`rescind init` asks for your accounts, and writes the files", "rescind init"
)
ADD = Step("`rescind init --add` adds an account", "rescind init --add")
UP = Step("`rescind up`, in a terminal of its own, starts everything", "rescind up")
MIGRATE = Step("`rescind migrate` upgrades the ledger's tables", "rescind migrate")
FAILED = Step(
    "some cancellations have failed: `rescind list --state failed` lists them, and"
    " `rescind show ID` says why",
    "rescind list --state failed",
)
NOTHING = Step("nothing: all is well")
ORDER = (
    "accounts-missing",
    "accounts-file",
    "database-url",
    "redis-url",
    "seal-key",
    "disk-full",
)
"""The problems to solve first: nothing works without accounts, no program starts with
wrong settings, and a full disk is the cause of other problems."""


def next_step(found: Sequence[Check], standing: Standing | None) -> Step:
    """The one step to take now; ``standing`` is ``None`` if there is no ledger."""
    wrong = sorted((check for check in found if check.problem), key=_urgency)
    for check in wrong:
        # A warning can wait, except the one that the ledger does not exist yet.
        if check.level >= Level.WRONG or check.problem == "ledger-missing":
            return _against(check)
    if any(check.problem == "queue-unserved" for check in found):
        return UP
    return _going_on(standing or Standing(), found)


def _urgency(check: Check) -> tuple[int, int]:
    slug = check.problem or ""
    return (ORDER.index(slug) if slug in ORDER else len(ORDER), -check.level)


def _against(check: Check) -> Step:
    match check.problem:
        case "accounts-missing":
            return ADD if "names no account" in check.says else INIT
        case "redis-unknown" | "ledger-missing":
            return UP
        case "redis-unreachable" if START in check.says:
            return UP
        case "ledger-version" if "`rescind migrate`" in check.says:
            return MIGRATE
        case "base-url-wrong":
            return _correct("base_url", check)
        case "credentials-refused":
            return _correct("the credentials", check)
    if check.level is Level.UNREACHABLE:
        return Step(f"{check.what}: {check.says}")
    return Step(f"correct {check.what}: {check.says}")


def _correct(part: str, check: Check) -> Step:
    table = check.what.replace("/", ".")
    return Step(f"correct {part} of [{table}] in the accounts file, and run this again")


def _going_on(standing: Standing, found: Sequence[Check]) -> Step:
    if standing.failed:
        return FAILED
    if standing.held is not None:
        return held_step(standing.held)
    if standing.begun:
        return NOTHING
    return _first(found)


def held_step(lane: str) -> Step:
    command = f"rescind resume {lane}"
    says = (
        f"{lane} is held: `rescind lanes` says why; when that is over, `{command}`"
        " resumes it"
    )
    return Step(says, command)


def _first(found: Sequence[Check]) -> Step:
    """The command for a first order, at an account that works."""
    good = (c.what for c in found if c.level is Level.OK and "/" in c.what)
    lanes = [(one.partition("/")[0], one.partition("/")[2]) for one in good]
    lane = easiest(lanes) or ("PROVIDER", "default")
    command = first_command(*lane)
    says = (
        f"all is well: `{command}` cancels a first order, with its id in place of ORDER"
    )
    if needs_params(lane[0]):
        says = f"{says}, and your own values in place of the examples"
    return Step(says, command)


def standing_of(engine: Engine) -> Standing | None:
    """The state of the work in the ledger; ``None`` if it cannot be read."""
    try:
        with reading(engine) as connection:
            failed = list_rows(connection, Wanted(states=[State.FAILED]), 1)
            lanes = all_lanes(connection).items()
            held = [(one.held_by or "", lane) for lane, one in lanes if one.held_at]
            return Standing(
                begun=bool(list_rows(connection, Wanted(), 1)),
                held="/".join(min(held)[1]) if held else None,
                failed=bool(failed),
            )
    except (LedgerUnreachableError, SQLAlchemyError, OSError):
        return None
