"""``python -m rescind.api``: runs the HTTP API."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import structlog

from rescind.api.api_context import open_context
from rescind.api.application import create_app
from rescind.api.http_server import listen, serve
from rescind.config.access_tokens import check_host
from rescind.config.redis_client import need_right_kind
from rescind.config.settings import Settings, settings
from rescind.errors.exceptions import explain
from rescind.garbage import leave_out_what_is_loaded
from rescind.system.up import refuse
from rescind.telemetry.logs import set_up

ABOUT = (
    "Run the HTTP API and dashboard until SIGTERM or Ctrl-C. It has no options: the"
    " settings are variables, such as RESCIND_API_PORT."
)
log = structlog.get_logger("rescind.api")


def main(argv: Sequence[str] = ()) -> int:
    """Run the HTTP API until it is told to stop; returns the exit status."""
    argparse.ArgumentParser(prog="python -m rescind.api", description=ABOUT).parse_args(
        argv
    )
    # Until the settings are read, for their own faults.
    set_up()
    # Alembic logs each check of the ledger's version at INFO.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        chosen = settings()
        set_up(style=chosen.log_format)
        return _run(chosen)
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return refuse(known)


def _run(chosen: Settings) -> int:
    check_host(chosen)
    if not chosen.embedded_redis:
        need_right_kind(chosen.redis)
    context = open_context(chosen)
    app = create_app(context)
    with listen(chosen) as server_socket:
        if not context.access.tokens:
            says = "no token is configured, so every request is refused"
            log.warning(says, mend="set RESCIND_API_TOKENS")
        host, port = server_socket.getsockname()[:2]
        log.info("the HTTP API is listening", host=host, port=port)
        leave_out_what_is_loaded()
        serve(app, context, server_socket)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
