"""The form's fields on other cancellations for which the new one waits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PAGE = re.compile(r"https?://\S+/desk/cancellations/([0-9a-f-]{36})(?:[?#]\S*)?")
"""The address of a cancellation's page, which people copy from their browser."""


def waiting_fields(written: Mapping[str, str]) -> dict[str, Any]:
    """The entry's ``after`` and ``only_if``; empty if nothing was written."""
    lines = map(str.strip, written.get("after", "").splitlines())
    after = [_reference(line) for line in lines if line]
    only_if = written.get("only_if", "").strip()
    return {
        **({"after": after} if after else {}),
        **({"only_if": only_if} if only_if else {}),
    }


def _reference(line: str) -> str:
    found = _PAGE.fullmatch(line)
    return found[1] if found else line
