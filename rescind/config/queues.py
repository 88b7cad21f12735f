"""The names of the queues in Redis, and the options of all Redis clients."""

from __future__ import annotations

from typing import Any

INTAKE = "rescind"
"""The queue of ``rescind.submit``."""
TAKING = "rescind:taking"
"""Messages of ``INTAKE`` that are on their way to a worker, or have just arrived."""
SWEEPS = "rescind.sweep"
"""The sweep's own queue, so that many submissions do not delay a sweep."""
WEBHOOKS = "rescind.webhooks"
"""The queue of webhook and callback deliveries."""
SCHEDULES = "rescind.schedules"
"""The queue of the runs of ``schedules.toml``."""

REDIS_OPTIONS: dict[str, Any] = {
    # Without these, a half-open connection blocks a worker or a producer for ever.
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
}
