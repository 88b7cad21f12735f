"""The names of the queues in Redis, and the options of each client of Redis."""

from __future__ import annotations

from typing import Any

INTAKE = "rescind"
"""The queue of ``rescind.submit``."""
TAKING = "rescind:taking"
"""Its messages that are on their way to a worker, or there since a moment."""
SWEEPS = "rescind.sweep"
"""The sweep's own queue: a flood of submissions must not hold it up."""
WEBHOOKS = "rescind.webhooks"
"""That of telling producers what has ended."""
SCHEDULES = "rescind.schedules"
"""That of the runs of ``schedules.toml``."""

REDIS_OPTIONS: dict[str, Any] = {
    # Without them a half-open connection hangs a worker or a producer for ever.
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
}
