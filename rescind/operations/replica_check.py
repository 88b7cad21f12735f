"""The check of `rescind doctor` that concerns the ledger's replica."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from rescind.browse.replica import MOST_BEHIND, ReplicaUnusableError, behind
from rescind.config.ledger_url import open_replica
from rescind.config.settings import Settings, SettingsError
from rescind.ledger.storage.unreachable import LedgerUnreachableError, shown
from rescind.operations.findings import Check, Level

WHAT = "ledger replica"
PROBLEM = "replica-unusable"
INSTEAD = "lists are read from the primary meanwhile"


def replica_checks(chosen: Settings, primary: Engine) -> Iterator[Check]:
    """The check of the replica, if one is set."""
    try:
        replica = open_replica(chosen)
    except SettingsError as error:
        yield Check(WHAT, Level.WRONG, str(error), error.problem)
        return
    if replica is not None:
        yield _followed(primary, replica)
        replica.dispose()


def _followed(primary: Engine, replica: Engine) -> Check:
    """Checks that the replica answers, follows this ledger, and is not far behind."""
    try:
        late = behind(primary, replica)
    except ReplicaUnusableError as error:
        says = f"{shown(replica)} is not used: {error}; {INSTEAD}"
        return Check(WHAT, Level.WRONG, says, PROBLEM)
    except LedgerUnreachableError as error:
        return Check(WHAT, Level.WARNING, f"{error}; {INSTEAD}", PROBLEM)
    if late > MOST_BEHIND:
        says = f"it is {late:.0f} s behind, more than {MOST_BEHIND:.0f} s: {INSTEAD}"
        return Check(WHAT, Level.WARNING, says, PROBLEM)
    return Check(WHAT, Level.OK, f"{shown(replica)} is {late:.1f} s behind")
