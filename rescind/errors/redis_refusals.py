"""What Redis refuses, and what an operator does about it."""

from __future__ import annotations

import re

from redis import exceptions

REFUSALS = {
    "OOM": "it has reached maxmemory: give it more, or remove what fills it",
    "MISCONF": "it cannot write to its disk: look at its log, and make room there",
    "READONLY": "it is a replica: RESCIND_REDIS_URL must lead to the master",
    "UNBLOCKED": "it has changed its role, or somebody has unblocked its clients",
    "NOREPLICAS": "too few replicas follow it: see min-replicas-to-write",
    "NOPERM": "the user in RESCIND_REDIS_URL may not do this: see its ACL",
    "MOVED": "it is part of a Redis Cluster, which Rescind cannot use",
    "DB": "it has no database of the number in RESCIND_REDIS_URL",
    "CROSSSLOT": "it is part of a Redis Cluster, which Rescind cannot use",
}
"""What Redis refuses, by the code that its reply begins with, and what to do."""
CODES = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MovedError: "MOVED",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
}
"""redis-py leaves these codes out of the text."""


def code_of(error: Exception) -> str | None:
    """The code of an error reply, if it is one of ``REFUSALS``."""
    if (known := CODES.get(type(error))) is not None:
        return known
    # redis-py puts the beginning of the command before the reply to some.
    reply = str(error).rpartition("caused error: ")[2]
    # Redis 6.2 puts the reply to a script's command at the end of its own.
    found = re.search(rf"(?:^|-)({'|'.join(REFUSALS)}) ", reply)
    return found[1] if found else None


def is_full(error: Exception) -> bool:
    """Whether Redis has no memory left for what it was asked to keep."""
    return code_of(error) == "OOM"


def refusal(error: Exception) -> str:
    """A sentence for an error reply; shows nothing of what was sent."""
    code = code_of(error)
    if code is None:
        return f"Redis refuses ({type(error).__name__})"
    return f"Redis refuses ({code}): {REFUSALS[code]}"
