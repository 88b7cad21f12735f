"""Submits cancellations through the broker; needs only `celery[redis]`.

RESCIND_REDIS_URL=redis://… python cancel.py ithink 86210010465 86210010472
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

MOST = 1000  # in one message

app = Celery("shop", broker=os.environ["RESCIND_REDIS_URL"], set_as_current=False)
app.conf.broker_transport_options = {
    # Without these timeouts, a connection that dies silently blocks for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # It must be equal for all clients of a broker, or messages are delivered twice.
    "visibility_timeout": 600,
}
RETRY = {"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5}


def submit(cancellations: list[dict[str, Any]]) -> Iterator[str]:
    """Put them into Redis; yields the id of each message after Redis has it."""
    for at in range(0, len(cancellations), MOST):
        sent = app.send_task(
            "rescind.submit",
            queue="rescind",
            kwargs={"cancellations": cancellations[at : at + MOST]},
            kwargsrepr="{…}",  # without it, names and IBANs are in the message's header
            ignore_result=True,
            retry=True,
            retry_policy=RETRY,
        )
        yield str(sent.id)


def main() -> int:
    if len(sys.argv) < 3:
        print(f"usage: {sys.argv[0]} PROVIDER ORDER...", file=sys.stderr)
        return 2
    provider, orders = sys.argv[1], sys.argv[2:]
    try:
        for message in submit([{"provider": provider, "order": o} for o in orders]):
            print(message)
    except OperationalError as error:
        print(f"not submitted: {error}; run it again", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
