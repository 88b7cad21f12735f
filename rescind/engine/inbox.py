"""New cancellations that wait in a worker's memory to be inserted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

from rescind.ledger.changes.dependencies import NO_DEPENDENTS, Dependents, Waiting
from rescind.ledger.changes.new_cancellation import NewCancellation


class Submission:
    """The new cancellations of one message. Its future is resolved when all of ``new``
    are committed."""

    def __init__(
        self, new: Sequence[NewCancellation], dependents: Dependents = NO_DEPENDENTS
    ) -> None:
        self.new = new
        self.dependents = dependents
        self.future: Future[frozenset[str]] = Future()
        """Its result is the ids that were inserted. The keys of the other cancellations
        were in the ledger already."""
        self._left = len(new)
        self._inserted: set[str] = set()

    @property
    def abandoned(self) -> bool:
        """Whether its sender no longer waits for it."""
        return self.future.done()

    def entries(self) -> list[Entry]:
        """What is to be inserted; nothing if it is abandoned."""
        some = () if self.abandoned else self.new
        return [Entry(one, self, self.dependents.get(one.id, ())) for one in some]

    def settle(self, settled: int, inserted: Collection[str]) -> None:
        """Count ``settled`` more of ``new`` as committed. ``inserted``: the ids that
        were inserted with them."""
        self._left -= settled
        self._inserted.update(inserted)
        if not self._left:
            # Its sender may cancel the future at this moment.
            with suppress(InvalidStateError):
                self.future.set_result(frozenset(self._inserted))

    def fail(self, error: Exception) -> None:
        """Fail the future: the cancellations could not be written. Its sender decides
        what happens next."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Entry:
    """One new cancellation, and the submission that waits for it."""

    new: NewCancellation
    submission: Submission
    dependents: Sequence[Waiting] = ()
    """Those to insert with it, if this transaction inserts all that they wait for."""

    @property
    def rows(self) -> int:
        """Cancellations to insert."""
        return 1 + len(self.dependents)
