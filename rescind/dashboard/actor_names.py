"""The actors that a reader may mean, by the words in which pages show an actor."""

from __future__ import annotations

import re

from rescind.config.actors import KINDS, actors_named
from rescind.dashboard.formatting import actor


def actors_meant(written: str) -> tuple[str, ...]:
    """The actors that may be meant; none for an empty text.

    The text may be an actor as the ledger keeps it, one in the words of the reader's
    language, or only a name, which an actor of every kind may have.
    """
    text = written.strip()
    if not text:
        return ()
    said = [f"{kind}:{name}" for kind in KINDS if (name := _name(kind, text))]
    return tuple(dict.fromkeys([*said, *actors_named(text)]))


def _name(kind: str, text: str) -> str:
    """The name in the words for an actor of this kind; empty if they are others."""
    mark = "\0"
    before, after = actor(f"{kind}:{mark}").split(mark)
    found = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", text, re.I)
    return found[1] if found else ""
