"""Actors: who asked for a change, as the text that the ledger keeps in ``by``.

The part before the first colon says how the actor was identified, the rest names the
actor. ``None`` in the ledger means Rescind itself.
"""

from __future__ import annotations

import os
import pwd
import re
from socket import gethostname

from rescind.provider.text import storable

LONGEST = 100
"""Characters of an actor's name; longer names are cut."""
_UNUSUAL = re.compile(r"[^\w.@+/-]")
KINDS = ("token", "oidc", "cli", "schedule", "celery")
"""What stands before the colon of an actor."""


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


def actors_named(text: str) -> tuple[str, ...]:
    """The actors that ``text`` may mean: the one that the ledger keeps as this text, or
    those of every kind that have this name."""
    kind, colon, _rest = text.partition(":")
    if colon and kind in KINDS:
        return (text,)
    return tuple(f"{kind}:{text}" for kind in KINDS)


def read_actors(text: str) -> tuple[str, ...]:
    """``actors_named``, of a text that may be wrong; ``ValueError`` with a sentence."""
    named = storable(text).strip()
    kind, colon, name = named.partition(":")
    # No name has a colon: see ``_UNUSUAL``, and the names of tokens.
    if not named or (colon and (kind not in KINDS or not name)):
        raise ValueError(
            "must be a name such as ann, or an actor such as token:ann: the kinds of"
            f" actors are {', '.join(KINDS)}"
        )
    return actors_named(named)
