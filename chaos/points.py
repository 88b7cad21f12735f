"""Where a worker dies on command: in the middle of a call, between the answer and the
commit, between the commit and the ack.

Loaded into the workers under test alone (see ``chaos.app``). Whoever conducts the run
arms a point by a file; the process that comes by first takes the file, and dies there.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, worker_ready

FOLDER = "RESCIND_CHAOS_FOLDER"
FREEZE = "freeze"
"""The point, and the victim, that stops itself instead of dying."""
MIDDLE_SECONDS = 0.015
"""How long after a call began it is in its middle; the providers take 30 ms."""


class Armoury:
    """The files by which points are armed, and the record of who died where."""

    def __init__(self, folder: Path) -> None:
        self._armed = folder / "armed"
        self._armed.mkdir(parents=True, exist_ok=True)
        self._ready = folder / "ready"
        self._ready.mkdir(exist_ok=True)
        self._deaths = folder / "deaths"
        self._frozen = folder / "frozen"

    def arm(self, name: str, victim: str) -> None:
        draft = self._armed / f".{name}"
        draft.write_text(victim)
        draft.rename(self._armed / name)

    def disarm(self, name: str) -> bool:
        """Whether it was still armed."""
        return self._take(name) is not None

    def passing(self, name: str, *, after: float = 0.0) -> None:
        """Die here, if that is what was ordered."""
        victim = self._take(name)
        if victim is None:
            return
        if after:
            threading.Timer(after, self._strike, (name, victim)).start()
        else:
            self._strike(name, victim)

    def deaths(self) -> list[tuple[float, str, str]]:
        """When, where and who, so far."""
        if not self._deaths.exists():
            return []
        lines = [line.split() for line in self._deaths.read_text().splitlines()]
        return [(float(at), point, victim) for at, point, victim in lines]

    def note(self, point: str, victim: str) -> None:
        """Before the blow: whoever deals it may not live to tell."""
        line = f"{time.time()} {point} {victim}\n".encode()
        out = os.open(self._deaths, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(out, line)
        finally:
            os.close(out)

    def say_ready(self) -> None:
        """This worker takes messages from now on."""
        (self._ready / str(os.getpid())).touch()

    def ready_for(self, pid: int | None) -> float:
        """For how many seconds that worker has been taking messages."""
        try:
            return time.time() - (self._ready / str(pid)).stat().st_mtime
        except FileNotFoundError:
            return -1.0

    def frozen(self) -> int | None:
        """The process that stopped itself, once one has."""
        return int(self._frozen.read_text()) if self._frozen.exists() else None

    def thaw(self) -> None:
        """Let whoever stopped itself go on, if it is still there."""
        pid = self.frozen()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _take(self, name: str) -> str | None:
        taken = self._armed / f".{name}.{os.getpid()}.{threading.get_ident()}"
        try:
            (self._armed / name).rename(taken)
        except FileNotFoundError:
            return None
        victim = taken.read_text()
        taken.unlink()
        return victim

    def _strike(self, point: str, victim: str) -> None:
        if victim == FREEZE:
            self._frozen.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self.note(point, victim)
        match victim:
            case "parent":
                os.kill(os.getppid(), signal.SIGKILL)
            case "all":
                os.killpg(os.getpgrp(), signal.SIGKILL)
            case _:
                os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Put the points into this process's code."""
    import tasks.submit
    import tasks.sweep
    import worker.calls
    import worker.slots

    armoury = Armoury(Path(os.environ[FOLDER]))
    here = armoury.passing
    _around(tasks.submit, "take_in", before=lambda *a: _intake(armoury, a))
    _around(tasks.submit, "take_in", after=lambda: here("taken-in"))
    _around(worker.slots, "hand_over", after=lambda: here("handed-over"))
    _around(tasks.sweep, "sweep_ledger", after=lambda: here("swept"))
    _around(worker.calls, "exchange", before=lambda *a: _calling(armoury))
    _turns(here)
    _keeping(here)
    worker_ready.connect(lambda **_: armoury.say_ready(), weak=False)
    task_postrun.connect(lambda **_: here("done"), weak=False)


def _turns(here: Callable[[str], None]) -> None:
    """One transaction records what came home and claims what is next."""
    from ledger import records
    from worker import books

    turn, record_calls = books.Books._turn, records.record_calls

    def turned(
        own: books.Books, asked: Sequence[Any], *more: Any, **how: bool
    ) -> list[Any]:
        if asked:
            here("answered")
        claimed = turn(own, asked, *more, **how)
        for name, reached in (("committed", asked), ("claimed", claimed)):
            if reached:
                here(name)
        return claimed

    def recorded(*given: Any) -> None:
        record_calls(*given)
        if given[-1]:
            here("writing")

    for owner, name, new in (
        (books.Books, "_turn", turned),
        (books, "record_calls", recorded),
    ):
        setattr(owner, name, new)


def _keeping(here: Callable[[str], None]) -> None:
    """It keeps what is in hand as well."""
    from worker import books, hand

    def kept(*given: Any) -> hand.Kept:
        found = hand.keep(*given)
        if found.orders:
            here("keeping")
        return found

    setattr(books, "keep", kept)  # noqa: B010  (mypy minds the plain way)


def _calling(armoury: Armoury) -> None:
    for name in ("calling", FREEZE):
        armoury.passing(name, after=MIDDLE_SECONDS)


def _intake(armoury: Armoury, given: tuple[Any, ...]) -> None:
    armoury.passing("taking-in")
    entries = given[3]
    if entries and isinstance(entries[0], dict):
        for delivery in ("first", "second"):
            armoury.passing(f"{delivery}-{entries[0].get('order')}")


def _around(
    owner: Any,
    name: str,
    *,
    before: Callable[..., None] = lambda *_: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    inner = getattr(owner, name)

    def outer(*args: Any, **kwargs: Any) -> Any:
        before(*args)
        result = inner(*args, **kwargs)
        after()
        return result

    setattr(owner, name, outer)
