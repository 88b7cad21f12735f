"""A health check whose result all callers share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.problem_details import JSON, ProblemError

FRESH_SECONDS = 1.0
"""How long a result is reused, so that frequent checks cost nothing."""
PATIENCE = 3.0
"""Seconds until a service that does not answer counts as unreachable."""
PAGE_PATIENCE = 0.5
"""Seconds that a page of the dashboard waits for a check."""


class CachedCheck:
    """A check whose result is shared by all callers for ``FRESH_SECONDS``.

    The check runs in a thread of its own. If it takes longer than ``PATIENCE``, callers
    get the answer of ``late``.
    """

    def __init__(
        self,
        find: Callable[[ApiContext], dict[str, Any]],
        late: Callable[[], ProblemError],
    ) -> None:
        self._find, self._late = find, late
        self._own = CapacityLimiter(1)
        self._until = 0.0
        self._latest: dict[str, Any] | ProblemError | None = None
        self._look: asyncio.Task[dict[str, Any] | ProblemError] | None = None

    async def answer(self, context: ApiContext) -> Response:
        look = await self._waited(context, PATIENCE)
        result = look.result() if look.done() else self._late()
        return result.response() if isinstance(result, ProblemError) else JSON(result)

    async def problem(self, context: ApiContext) -> ProblemError | None:
        """What is wrong, for a page: it waits less, and takes a former result instead.

        That result counts for ``PATIENCE`` only. An error of the check is raised.
        """
        look = await self._waited(context, PAGE_PATIENCE)
        if look.done():
            result = look.result()
        elif self._latest is None or time.monotonic() >= self._until + PATIENCE:
            result = self._late()
        else:
            result = self._latest
        return result if isinstance(result, ProblemError) else None

    async def _waited(
        self, context: ApiContext, patience: float
    ) -> asyncio.Task[dict[str, Any] | ProblemError]:
        look = self._look
        if look is None or (look.done() and time.monotonic() >= self._until):
            # Not in the context of one request: all callers share the result.
            found = self._found(context)
            look = self._look = asyncio.create_task(found, context=Context())
        await asyncio.wait({look}, timeout=patience)
        return look

    async def _found(self, context: ApiContext) -> dict[str, Any] | ProblemError:
        found: dict[str, Any] | ProblemError | None = None
        try:
            found = await to_thread.run_sync(
                self._find, context, limiter=self._own, abandon_on_cancel=True
            )
        except ProblemError as problem:
            found = problem
        finally:
            # A check that fails leaves no older result that a page could show.
            self._latest = found
            self._until = time.monotonic() + FRESH_SECONDS
        return found
