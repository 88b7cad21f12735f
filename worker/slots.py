"""Places: how much of one worker a provider may keep busy.

Of the children of a worker, so many serve a provider at a time, and as many more bring
home what they had under way when their turn was over. So a provider that hangs can
never keep all children, and the others' lanes go on. Places are file locks: a child
that is killed gives its own back.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import structlog

from ledger.arrivals import Arrivals
from providers.registry import PROVIDERS
from worker import bells, handoff
from worker.bells import Bell, Work
from worker.handoff import Inbox, Offer

log = structlog.get_logger("rescind.lanes")

OTHERS = 2
"""Children left for intake and the sweep."""
BESIDE = 4
"""Children that are not to be had when they are wanted: intake, the sweep, a run of a
schedule and webhooks may each keep one."""


def places_for(concurrency: int) -> tuple[int, int]:
    """Children that serve one provider, and that bring home, of so many in all."""
    each = max(1, (concurrency - OTHERS) // len(PROVIDERS))
    return each - each // 2, each // 2


def may_linger(concurrency: int) -> bool:
    """Whether every provider may keep a child that waits for work, of so many."""
    return concurrency >= len(PROVIDERS) + BESIDE


@dataclass
class Place:
    """This process's place among those that serve a provider."""

    provider: str
    leaving: int
    bell: Bell
    inbox: Inbox | None
    """None where there cannot be one: new orders come by way of the ledger."""
    _serving: ExitStack = field(repr=False)
    _gone: ExitStack = field(default_factory=ExitStack, repr=False)
    _unheard: set[Work] = field(default_factory=set)

    def leave(self) -> bool:
        """Let another child serve, and keep a place to bring calls home from.

        False, and nothing is changed, while others that left have not ended.
        """
        names = (f"{self.provider}-leaving-{n}" for n in range(self.leaving))
        if not any(_try(self._gone, name) for name in names):
            return False
        self._let_serve()
        return True

    def unheard(self) -> set[Work]:
        """What was rung when this child no longer listened: for whoever comes next."""
        unheard, self._unheard = self._unheard, set()
        return unheard

    def offered(self) -> Offer | None:
        """The next offer, if there is one."""
        return None if self.inbox is None else self.inbox.accept()

    def close_inbox(self) -> None:
        """Be offered nothing more."""
        if self.inbox is not None:
            self.inbox.close()

    def close(self) -> None:
        self._let_serve()
        self._gone.close()

    def _let_serve(self) -> None:
        # Silent first: whoever comes next hears from then on.
        self.close_inbox()
        self._unheard.update(self.bell.close())
        self._serving.close()


@contextmanager
def serving(provider: str, places: tuple[int, int]) -> Iterator[Place | None]:
    """A place among those that serve ``provider``, until the end; None if all are
    taken. ``places`` is what ``places_for`` gives."""
    serve, leave = places
    with ExitStack() as stack:
        for number in range(serve):
            if _try(stack, f"{provider}-serving-{number}"):
                bell = Bell(_bell(provider, number))
                inbox = _opened(_inbox(provider, number))
                place = Place(provider, leave, bell, inbox, stack.pop_all())
                try:
                    yield place
                finally:
                    place.close()
                return
        yield None


def ring(provider: str, places: tuple[int, int], work: Work) -> bool:
    """Tell the children that serve ``provider`` of new work; whether one heard."""
    paths = (_bell(provider, number) for number in range(places[0]))
    heard = [bells.ring(path, work) for path in paths]
    return any(heard)


def hand_over(
    provider: str, places: tuple[int, int], new: Arrivals
) -> frozenset[str] | None:
    """Offer ``new`` to a child that serves ``provider``: see ``handoff.offer``."""
    paths = (_inbox(provider, number) for number in range(places[0]))
    answers = (handoff.offer(path, new) for path in paths)
    return next((one for one in answers if one is not None), None)


@contextmanager
def turn(what: str) -> Iterator[ExitStack | None]:
    """This child's turn at ``what``, until the end or its ``close``; None if another
    child of the worker has it."""
    with ExitStack() as stack:
        yield stack if _try(stack, what) else None


@contextmanager
def lane(provider: str, account: str, operation: str) -> Iterator[bool]:
    """Whether this operation of the lane is for the caller alone, until the end."""
    with ExitStack() as stack:
        yield _try(stack, f"{provider}-{quote(account, safe='')}-{operation}")


def _try(stack: ExitStack, name: str) -> bool:
    descriptor = os.open(_folder() / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    stack.callback(os.close, descriptor)
    return True


def _bell(provider: str, number: int) -> Path:
    return _folder() / f"{provider}-{number}.bell"


def _inbox(provider: str, number: int) -> Path:
    return _folder() / f"{provider}-{number}.inbox"


def _opened(path: Path) -> Inbox | None:
    try:
        return Inbox(path)
    except OSError as error:
        log.warning(
            "no inbox: new orders go by way of the ledger; is TMPDIR too long a path?",
            path=str(path),
            error=str(error),
        )
        return None


def _folder() -> Path:
    """One folder for each worker: its children have the same parent."""
    base = _base()
    base.mkdir(mode=0o700, exist_ok=True)
    folder = base / str(_worker)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _base() -> Path:
    return Path(tempfile.gettempdir()) / f"rescind-{os.getuid()}"


_worker = os.getpid()


def adopt() -> None:
    """Called once in a worker's parent, before it forks."""
    global _worker  # noqa: PLW0603  (forked children inherit it)
    _worker = os.getpid()
    _need_to_own(_base())


def _need_to_own(base: Path) -> None:
    """Whoever owns the folder could take orders that are handed over."""
    if not base.is_symlink():
        base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise SystemExit(
            f"rescind: {base} belongs to somebody else: remove it, or set TMPDIR to a"
            " folder of your own"
        )
    base.chmod(0o700)


def clear() -> None:
    """Remove this worker's folder, at its end."""
    folder = _folder()
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()
