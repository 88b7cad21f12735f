"""Actors: who asked for a change, as the text that the ledger keeps in ``by``.

The part before the first colon says how the actor was identified, the rest names the
actor. ``None`` in the ledger means Rescind itself.
"""

from __future__ import annotations

import os
import pwd
import re
from socket import gethostname

LONGEST = 100
"""Characters of an actor's name; longer names are cut."""
_UNUSUAL = re.compile(r"[^\w.@+/-]")


def token_actor(name: str) -> str:
    """A caller of the HTTP API, or a user of the dashboard, by the token's name."""
    return f"token:{name}"


def user_actor(name: str) -> str:
    """A user of the dashboard, as the OpenID Connect provider calls the user."""
    return f"oidc:{_name(name)}"


def schedule_actor(name: str) -> str:
    """A rule of the schedules file, when it runs at its own time."""
    return f"schedule:{_name(name)}"


def command_actor() -> str:
    """The user who runs this command, and the host: ``cli:user@host``."""
    return f"cli:{_name(f'{_user()}@{gethostname()}')}"


def _user() -> str:
    # The user of the process: $USER and $LOGNAME are whatever the caller sets.
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # A container may run as a number that has no name.
        return f"uid{number}"


def celery_actor(origin: object) -> str:
    """A producer by Celery: the host in ``origin``, a header such as ``gen7@host``.

    Celery's clients set the header; nothing proves that it is true.
    """
    host = origin.rpartition("@")[2] if isinstance(origin, str) else ""
    return f"celery:{_name(host) or 'unknown'}"


def _name(text: str) -> str:
    """``text`` cut, and with unusual characters replaced, such as control characters
    and colons."""
    return _UNUSUAL.sub("?", text[:LONGEST])
