"""Connections that reconnect when their server has become a replica."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from rescind.errors.redis_refusals import code_of


class LeavesAReplica:
    """A connection that reconnects after its server has refused a write.

    A planned failover leaves connections to the former master open. Their server then
    refuses every write, while the same address leads to the new master.
    """

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except ResponseError as error:
            if code_of(error) == "READONLY":
                self.mark_for_reconnect()  # type: ignore[attr-defined]
            raise
