"""Counts SQL statements and Redis commands, from the servers' own records."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from redis import Redis

WRITTEN_TO = "BENCH_STATEMENTS"
"""The environment variable that names the file of ``bench.counted``."""
SHOWN = 60
"""Characters of a statement that identify it."""
POSTGRES = re.compile(r"^.*? LOG: {2}(?:statement|execute [^:]*): ?(.*)$")
"""The first line of a statement in PostgreSQL's log. Further lines do not match."""
CONTROL = re.compile(
    r"(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b",
    re.IGNORECASE,
)
"""Statements that begin or end transactions: they are not counted."""
INNER = "--"
"""The prefix with which SQLite marks a trigger's own statements."""


@dataclass(frozen=True, slots=True)
class StatementLog:
    """A file with each statement that was run."""

    path: Path
    form: re.Pattern[str]

    @classmethod
    def of_postgres(cls, path: Path) -> Self:
        """The server's log, if ``log_statement`` is ``all``."""
        return cls(path, POSTGRES)

    @classmethod
    def of_a_worker(cls, path: Path) -> Self:
        """The file of ``bench.counted``: one statement a line."""
        return cls(path, re.compile("^(.*)$"))

    def mark(self) -> int:
        """The present size of the file, in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, mark: int) -> Counter[str]:
        """Counts of the statements after ``mark``, by their first characters, without
        transaction control."""
        if not self.path.exists():
            return Counter()
        with self.path.open("rb") as file:
            file.seek(mark)
            lines = file.read().decode(errors="replace").splitlines()
        found = (match[1] for match in map(self.form.match, lines) if match)
        return Counter(shortened(one) for one in found if is_counted(one))


def is_counted(statement: str) -> bool:
    """Whether a statement counts: it is no transaction control and no trigger's own."""
    return not CONTROL.match(statement.strip()) and not statement.startswith(INNER)


def shortened(statement: str) -> str:
    """The first characters of a statement, on one line."""
    return " ".join(statement.split())[:SHOWN]


@dataclass(frozen=True, slots=True)
class Commands:
    """Redis's counts of the commands that it has run since its start."""

    total: int
    each: Counter[str]


def commands(client: Redis) -> Commands:
    """Read the counts by one ``INFO``, which they do not include yet."""
    stats_of = client.info("everything")
    each = {
        name.removeprefix("cmdstat_"): int(stats["calls"])
        for name, stats in stats_of.items()
        if name.startswith("cmdstat_")
    }
    return Commands(int(stats_of["total_commands_processed"]), Counter(each))


def between(before: Commands, after: Commands) -> Commands:
    """The commands of other clients between two calls of ``commands``."""
    own = Counter({"info": 1})
    return Commands(after.total - before.total - 1, after.each - before.each - own)
