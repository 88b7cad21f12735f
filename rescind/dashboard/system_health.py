"""What stops all work, as ``GET /healthz`` finds it, for the overview.

The pages share the check and its result with ``/healthz``, so no look at a page makes
a connection, and none waits for a Redis that hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from anyio import from_thread
from fastapi import FastAPI

from rescind.dashboard.page_context import ApiContext


@dataclass(frozen=True, slots=True)
class SystemFault:
    """Why orders are not sent in time; the slug is that of ``docs/errors.md``."""

    slug: str
    detail: str
    """A sentence with what to do."""

    @property
    def stops_calls(self) -> bool:
        """Whether no call is made; a clock that was set back only delays calls."""
        return self.slug != "clock"


class Problem(Protocol):
    """What the check of ``/healthz`` finds."""

    slug: str
    detail: str


class Check(Protocol):
    """The check of ``/healthz``: ``request.app.state.alive``."""

    async def problem(self, context: ApiContext) -> Problem | None: ...


FindFault = Callable[[], SystemFault | None]


def fault_finder(app: FastAPI) -> FindFault:
    """Finds the fault from a worker thread of the app."""

    def find() -> SystemFault | None:
        check: Check = app.state.alive
        found = from_thread.run(check.problem, app.state.context)
        return None if found is None else SystemFault(found.slug, found.detail)

    return find
