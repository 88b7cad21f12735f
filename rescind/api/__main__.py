"""``python -m rescind.api``: the HTTP door."""

from __future__ import annotations

import logging
import sys

import structlog

from rescind.api.api_context import open_front
from rescind.api.application import create_app
from rescind.api.http_server import listen, serve
from rescind.config.access_tokens import check_host
from rescind.config.settings import Settings, settings
from rescind.errors.exceptions import explain
from rescind.system.up import refuse
from rescind.telemetry.logs import set_up

log = structlog.get_logger("rescind.api")


def main() -> int:
    """Run the door until it is told to stop; returns the exit status."""
    set_up()
    # It tells of each look at the ledger's version.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        return _run(settings())
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return refuse(known)


def _run(chosen: Settings) -> int:
    check_host(chosen)
    front = open_front(chosen)
    app = create_app(front)
    with listen(chosen) as door:
        if not front.access.tokens:
            says = "nobody has a token, so that nobody may come in"
            log.warning(says, mend="set RESCIND_API_TOKENS")
        host, port = door.getsockname()[:2]
        log.info("the door is open", host=host, port=port)
        serve(app, front, door)
    return 0


if __name__ == "__main__":
    sys.exit(main())
