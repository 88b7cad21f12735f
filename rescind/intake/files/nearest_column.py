"""The known column that a mistyped name of a column may mean."""

from __future__ import annotations

from difflib import get_close_matches

from providers.registry import PROVIDERS
from rescind.intake.files.column_names import OTHER_NAMES
from rescind.intake.validation import FIELDS
from rescind.provider.text import fold

LONGEST = 64
"""Characters of a name that are compared."""


def nearest_column(name: str) -> str | None:
    """The known column whose name is nearest to ``name``, if one is near."""
    known = _known_names()
    near = get_close_matches(fold(name[:LONGEST]), known, 1)
    return known[near[0]] if near else None


def _known_names() -> dict[str, str]:
    """Each name that a column may have, folded, and as people write it.

    A param may be named without the prefix that its column must have.
    """
    params = {p for one in PROVIDERS for p in one.params_model.model_fields}
    found = {fold(one): f"param.{one}" for one in sorted(params)}
    found |= {fold(f"param.{one}"): f"param.{one}" for one in sorted(params)}
    others = [one for names in OTHER_NAMES.values() for one in names]
    return found | {fold(one): one for one in (*FIELDS, *others)}


def letters_of(number: int) -> str:
    """The letters by which spreadsheets name a column, which is counted from 1."""
    found = ""
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(ord("A") + rest) + found
    return found
