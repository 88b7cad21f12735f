"""Flower's settings, read by ``celery -A worker flower`` in this folder.

Flower reads ``FLOWER_*`` variables, then the command line, then this file, which wins
over the variables; so each value here gives way to its variable. Left alone, Flower
listens on every interface without a password: here it keeps to this machine, and does
not start on any other address unless it asks who is there.
"""

import os
from ipaddress import ip_address
from typing import Any

from tornado.options import options

_DEFAULTS: dict[str, Any] = {
    "natural_time": True,
    "tasks_columns": "name,args,state,received,runtime,worker,uuid",
    # Tasks that it remembers, and seconds after which it forgets a worker that left.
    "max_tasks": 20_000,
    "purge_offline_workers": 600,
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


# Set by now, if by FLOWER_ADDRESS or --address; else the loopback interface.
address = options.address or "127.0.0.1"

if not (options.unix_socket or _is_loopback(address) or _asks_who_is_there()):
    raise SystemExit(
        f"Flower would listen on {address} without a password: set FLOWER_BASIC_AUTH to"
        " user:password (several, separated by commas), or leave FLOWER_ADDRESS unset"
        " and reach it through a tunnel"
    )

for _name, _value in _DEFAULTS.items():
    if f"FLOWER_{_name.upper()}" not in os.environ:
        globals()[_name] = _value
