"""Writes an entry for a vocabulary, from words that nobody knew, to review."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.registry import BY_NAME
from rescind.provider.text import fold

OUTCOMES = """\
# Choose what they mean, and ask the provider if you are not sure:
#   Finding(Outcome.CANCELLED, Reason.CONFIRMED)   the order is cancelled
#   Finding(Outcome.REQUESTED)                     the cancel is accepted, not finished
#   Finding(Outcome.ACTIVE)                        not cancelled, and still can be
#   Finding(Outcome.REFUSED, Reason.…)             it will not be cancelled, and why
#   Finding(Outcome.GONE)                          a reading knows no such order
#   Finding(Outcome.UNKNOWN)                       they leave it open"""


def entry_of(words: Mapping[str, Any], today: date) -> str:
    """The entry as Python text: as UNKNOWN, which changes nothing, until a person has
    decided. ``words`` is a document of ``as_words``."""
    place, call = _place(words["provider"]), words["operation"]
    seen, last, id_ = words["seen"], str(words["last_at"])[:10], words["example"]
    lines = (
        f"# For the vocabulary of {place}, of a {call} call.",
        f"# Met {seen} times, last on {last}: `rescind show {id_}`,",
        f"# and `rescind show {id_} --case` for a test.",
        OUTCOMES,
        f"# {today} [C]: seen in production.",
        f"{_key(words)}: Finding(Outcome.UNKNOWN),",
    )
    return "\n".join(lines)


def _place(provider: str) -> str:
    known = BY_NAME.get(provider)
    return type(known).__module__ if known else provider


def _key(words: Mapping[str, Any]) -> str:
    if words["message"] is None:
        code = str(words["code"])
        return code if code.isdecimal() else f'"{_quoted(code)}"'
    # A number in the message was replaced by one "#".
    parts = (re.escape(part) for part in fold(words["message"]).split("#"))
    form = r"\d+".join(parts).replace(r"\ ", " ").replace('"', r"\x22")
    return f'r"{form}"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
