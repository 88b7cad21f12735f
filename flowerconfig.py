"""Flower's settings, read by ``celery -A worker flower`` in this folder.

Flower reads ``FLOWER_*`` variables, then the command line, then this file, which wins
over the variables; so each value here gives way to its variable. Left alone, Flower
listens on every interface without a password: here it keeps to this machine, and does
not start on any other address unless it asks who is there. And it remembers what it has
seen, in a file that nobody else may read or write.
"""

import os
from contextlib import suppress
from ipaddress import ip_address
from logging import getLogger
from typing import Any

from tornado.options import options

from rescind.config.home import make_private_folder
from rescind.config.path_ownership import NotOursError, check_ours
from rescind.config.settings import settings
from rescind.telemetry.logs import set_up

_HOME = settings().home
_DB = _HOME / "flower.db"
try:
    with suppress(OSError):  # then it says itself that it cannot save
        make_private_folder(_HOME)
    check_ours(_DB)
except NotOursError as error:
    raise SystemExit(f"rescind: {error}") from None
# Tornado has set the level, and adds no handler of its own beside this one.
set_up(getLogger().level, settings().log_format)
# A user who can write its file can have Flower run any code.
os.umask(0o077)

_DEFAULTS: dict[str, Any] = {
    "natural_time": True,
    "tasks_columns": "name,args,state,received,runtime,worker,uuid",
    # Tasks that it remembers, and seconds after which it forgets a worker that left.
    "max_tasks": 20_000,
    "purge_offline_workers": 600,
    # What it has seen outlives it: saved now and then, in ms, and when it ends.
    "persistent": True,
    "db": str(_DB),
    "state_save_interval": 300_000,
}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _asks_who_is_there() -> bool:
    pairs = [str(pair).partition(":") for pair in options.basic_auth or []]
    if pairs:
        # One empty pair would let anybody in who sends an empty one.
        return all(user and password for user, _, password in pairs)
    return bool(options.auth)


def _keep_to_this_machine() -> None:
    """The loopback interface unless told otherwise, and then not without a password."""
    # Flower takes an empty address for every interface.
    options.address = options.address or "127.0.0.1"
    # Flower lets every user of this machine write to its unix socket.
    alone = not options.unix_socket and _is_loopback(options.address)
    if alone or _asks_who_is_there():
        return
    where = options.unix_socket or options.address
    raise SystemExit(
        f"Flower would listen on {where} without a password: set FLOWER_BASIC_AUTH to"
        " user:password (several, separated by commas), or leave FLOWER_ADDRESS and"
        " FLOWER_UNIX_SOCKET unset and reach it through a tunnel"
    )


# Flower reads the command line once more after this file: it has the last word.
options.add_parse_callback(_keep_to_this_machine)

for _name, _value in _DEFAULTS.items():
    if f"FLOWER_{_name.upper()}" not in os.environ:
        globals()[_name] = _value
