"""``python -m api``: the HTTP door."""

from __future__ import annotations

import logging
import sys

import structlog

from api.app import create_app
from api.front import open_front
from api.server import listen, serve
from worker.access import check_host
from worker.cli.errors import explain
from worker.logs import set_up
from worker.settings import Settings, settings

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
        print(f"rescind: {known[1]}", file=sys.stderr)
        return known[0]


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
