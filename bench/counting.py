"""How often a database and Redis are asked, counted by what they themselves note."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from redis import Redis

WRITTEN_TO = "BENCH_STATEMENTS"
"""Names the file that ``bench.counted`` writes to."""
SHOWN = 60
"""Characters of a statement that tell it from others."""
POSTGRES = re.compile(r"^.*? LOG: {2}(?:statement|execute [^:]*): ?(.*)$")
"""A line of PostgreSQL's log that names a statement; its other lines go on with it."""
CONTROL = re.compile(
    r"(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b",
    re.IGNORECASE,
)
"""What begins and ends transactions is not counted."""
INNER = "--"
"""How SQLite marks what a trigger runs by itself."""


@dataclass(frozen=True, slots=True)
class StatementLog:
    """A file that each statement is written to when it is run."""

    path: Path
    form: re.Pattern[str]

    @classmethod
    def of_postgres(cls, path: Path) -> Self:
        """The server's log, where ``log_statement`` is ``all``."""
        return cls(path, POSTGRES)

    @classmethod
    def of_a_worker(cls, path: Path) -> Self:
        """What ``bench.counted`` writes: one statement a line."""
        return cls(path, re.compile("^(.*)$"))

    def mark(self) -> int:
        """Where the file ends now."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, mark: int) -> Counter[str]:
        """The statements behind ``mark``, by how they begin; no transaction control."""
        if not self.path.exists():
            return Counter()
        with self.path.open("rb") as file:
            file.seek(mark)
            lines = file.read().decode(errors="replace").splitlines()
        found = (match[1] for match in map(self.form.match, lines) if match)
        return Counter(shortened(one) for one in found if is_counted(one))


def is_counted(statement: str) -> bool:
    """Whether it is more than the beginning or the end of a transaction."""
    return not CONTROL.match(statement.strip()) and not statement.startswith(INNER)


def shortened(statement: str) -> str:
    """How it begins, on one line."""
    return " ".join(statement.split())[:SHOWN]


@dataclass(frozen=True, slots=True)
class Commands:
    """What Redis says of the commands it has run since it began."""

    total: int
    each: Counter[str]


def commands(client: Redis) -> Commands:
    """Ask by one ``INFO``, which is not yet among what it tells."""
    told = client.info("everything")
    each = {
        name.removeprefix("cmdstat_"): int(stats["calls"])
        for name, stats in told.items()
        if name.startswith("cmdstat_")
    }
    return Commands(int(told["total_commands_processed"]), Counter(each))


def between(before: Commands, after: Commands) -> Commands:
    """What others ran between two calls of ``commands``, by one client."""
    own = Counter({"info": 1})
    return Commands(after.total - before.total - 1, after.each - before.each - own)
