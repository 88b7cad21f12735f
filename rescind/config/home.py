"""The folder ``RESCIND_HOME``: its private files, and which system runs in it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from rescind.config.path_ownership import check_ours
from rescind.ledger.seal import new_key

RUNNING = "running.json"
LOCK = "up.lock"
"""Held by ``rescind up`` as long as it runs; its content is the process id."""
OWN_KEY = "seal.key"
"""The file of the embedded ledger's seal key."""
PRIVATE = 0o700
"""The mode of ``RESCIND_HOME``: whatever else is in it, others cannot reach it."""


@dataclass(frozen=True, slots=True)
class Running:
    """The services that ``rescind up`` started in this folder, and its process id."""

    redis_url: str
    flower_url: str | None
    pid: int
    api_url: str | None = None


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` with mode 0700, or give it that mode if it is ours.

    Raises ``NotOursError`` if another user may have put it there.
    """
    # Before: nothing is created in a folder of another user. After: it may be new.
    check_ours(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    check_ours(folder)
    found = folder.stat()
    # A sticky folder, such as /tmp, is meant to be shared.
    shared = bool(found.st_mode & stat.S_ISVTX) or found.st_uid != os.getuid()
    if stat.S_IMODE(found.st_mode) != PRIVATE and not shared:
        folder.chmod(PRIVATE)


def running(home: Path) -> Running | None:
    """The system that was started in ``home``; ``None`` if there is no record.

    Raises ``NotOursError`` if another user may have written the record.
    """
    check_ours(home / RUNNING)
    try:
        found = json.loads((home / RUNNING).read_text())
        return Running(
            redis_url=found["redis_url"],
            flower_url=found.get("flower_url"),
            pid=found["pid"],
            api_url=found.get("api_url"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def up_process(home: Path) -> str | None:
    """The process id of the ``rescind up`` that runs in ``home``; ``None`` if none
    does, though the record of one that was killed may still be there."""
    try:
        with (home / LOCK).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip()
    except OSError:
        pass
    return None


def write_running(home: Path, what: Running) -> None:
    """Record the started services, so that other commands in this folder find them."""
    document = {
        "redis_url": what.redis_url,
        "flower_url": what.flower_url,
        "api_url": what.api_url,
        "pid": what.pid,
    }
    write_private(home / RUNNING, json.dumps(document))


def write_private(path: Path, text: str) -> None:
    """Write atomically a file that only its owner can read.

    Raises ``NotOursError`` if another user may have created its folder, or the file.
    """
    check_ours(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    # Whatever has this name is left of a process that died, or a trap.
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)


def embedded_log(home: Path) -> Path:
    """The log of the embedded Redis."""
    return home.resolve() / "valkey" / "valkey.log"


def absolute(path: Path | None) -> str:
    """The absolute path, or an empty text if none is set."""
    return "" if path is None else str(path.resolve())


def own_key(home: Path) -> str:
    """The seal key of an embedded ledger, which is created at the first call.

    Raises ``NotOursError`` if another user may have written it.
    """
    path = home / OWN_KEY
    check_ours(path)
    if not path.exists():
        make_private_folder(home)
        made = home / f"{OWN_KEY}.{os.getpid()}"
        write_private(made, new_key())
        try:
            # If two processes make a key at once, both use the first one.
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()
