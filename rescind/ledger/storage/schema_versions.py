"""The migrations that this program knows, and of which kind each is.

``expand`` adds to the tables: the version before works on them as before. ``contract``
changes or removes what the version before needs, so no process of it may live then.
The files are read as text: Alembic loads slowly, and most processes migrate nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDERS = [Path(__file__).parent / "migrations" / "versions"]
KINDS = ("expand", "contract")
_KIND = re.compile(r'^kind = "(expand|contract)"$', re.MULTILINE)
_NAME = "[0-9][0-9][0-9][0-9]_*.py"


class UnmarkedMigrationError(RuntimeError):
    """A migration does not say of which kind it is."""


def head() -> str:
    """The newest migration of this program."""
    return max(known())


def pending(found: str) -> list[str]:
    """The migrations after ``found``, in their order."""
    return [one for one in known() if one > found]


def contracts(revisions: list[str]) -> list[str]:
    """Those that former versions do not survive."""
    return [one for one in revisions if known()[one] == "contract"]


@cache
def known() -> Mapping[str, str]:
    """Every migration of this program with its kind, oldest first."""
    files = (file for folder in FOLDERS for file in folder.glob(_NAME))
    return {file.name[:4]: _kind(file) for file in sorted(files, key=_name)}


def _name(file: Path) -> str:
    return file.name


def _kind(file: Path) -> str:
    found = _KIND.search(file.read_text(encoding="utf-8"))
    if found is None:
        raise UnmarkedMigrationError(f"{file.name} says neither expand nor contract")
    return found[1]
