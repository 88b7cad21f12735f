"""Makes Redis answer with errors, and answer as usual again.

No refusal makes Redis lose data. ``begin`` and ``end`` take a client of the server, and
raise the errors of redis-py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

SAVING_SECONDS = 10.0
NOWHERE = ("127.0.0.1", "1")
"""No server listens there. A live master would make its replica drop its own data."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for which Redis refuses requests."""

    begin: Callable[[Redis], None]
    end: Callable[[Redis], None]


def _fill(client: Redis) -> None:
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)


def _give_room(client: Redis) -> None:
    client.config_set("maxmemory", 0)


def _fail_to_save(client: Redis) -> None:
    # No file can be created where a folder is. Redis refuses every write after a failed
    # save, if saving is switched on.
    _snapshot(client).mkdir()
    client.config_set("stop-writes-on-bgsave-error", "yes")
    client.config_set("save", "3600 1")
    client.bgsave(schedule=True)
    give_up = time.monotonic() + SAVING_SECONDS
    while client.info("persistence")["rdb_last_bgsave_status"] != "err":
        if time.monotonic() > give_up:
            raise RuntimeError(
                "Redis has saved its data although a folder is in the way"
            )
        time.sleep(0.01)


def _save_again(client: Redis) -> None:
    client.config_set("save", "")
    _snapshot(client).rmdir()


def _snapshot(client: Redis) -> Path:
    folder, name = client.config_get("dir"), client.config_get("dbfilename")
    return Path(str(folder["dir"])) / str(name["dbfilename"])


def _demote(client: Redis) -> None:
    client.replicaof(*NOWHERE)


def _promote(client: Redis) -> None:
    client.replicaof("NO", "ONE")


REFUSALS: Mapping[str, Refusal] = {
    "redis full": Refusal(_fill, _give_room),
    "redis cannot save": Refusal(_fail_to_save, _save_again),
    "redis demoted": Refusal(_demote, _promote),
}
"""Their error codes: OOM; MISCONF; READONLY, and UNBLOCKED for blocked clients."""
