"""Error replies of Redis, and what an operator does about each."""

from __future__ import annotations

import re

from redis import exceptions

LOG = "its log"
"""Where Redis has its log, in words, if its file is not known."""
REFUSALS = {
    "OOM": "it has reached maxmemory: give it more memory, or delete other data in it",
    "MISCONF": "it cannot write to its disk: look at {log}, and make room there",
    "READONLY": "it is a replica: RESCIND_REDIS_URL must lead to the master",
    "UNBLOCKED": "its role has changed, or CLIENT UNBLOCK was called on it",
    "NOREPLICAS": "it has too few replicas: see min-replicas-to-write",
    "NOPERM": "the user in RESCIND_REDIS_URL may not do this: see its ACL",
    "MOVED": "it is part of a Redis Cluster, which Rescind cannot use",
    "DB": "it has no database with the number in RESCIND_REDIS_URL",
    "CROSSSLOT": "it is part of a Redis Cluster, which Rescind cannot use",
}
"""The cause and the advice, by the code at the start of the error reply."""
CODES = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MovedError: "MOVED",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
}
"""redis-py leaves these codes out of the exception's text."""


def code_of(error: Exception) -> str | None:
    """The code of an error reply, if it is one of ``REFUSALS``."""
    if (known := CODES.get(type(error))) is not None:
        return known
    # For some errors redis-py puts the beginning of the command before the reply.
    reply = str(error).rpartition("caused error: ")[2]
    # Redis 6.2 puts the error of a command within a script at the end of its reply.
    found = re.search(rf"(?:^|-)({'|'.join(REFUSALS)}) ", reply)
    return found[1] if found else None


def is_full(error: Exception) -> bool:
    """Whether Redis refused because it has no memory left."""
    return code_of(error) == "OOM"


def refusal(error: Exception, log: str = LOG) -> str:
    """A sentence for an error reply; shows no part of the command that was sent.
    ``log`` says in words where Redis has its log."""
    code = code_of(error)
    if code is None:
        return f"Redis refuses ({type(error).__name__})"
    return f"Redis refuses ({code}): {REFUSALS[code].format(log=log)}"
