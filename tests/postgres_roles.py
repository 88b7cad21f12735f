"""The database and the two roles that ``docs/operating.md`` tells operators to make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

PAGE = Path(__file__).parents[1] / "docs" / "operating.md"
OWNER, APP = "rescind_owner", "rescind_app"


@dataclass(frozen=True)
class Roles:
    """The URLs of one new database, by role."""

    owner: str
    app: str


def written() -> list[list[str]]:
    """The statements on the page: first those of the server, then of its database."""
    section = PAGE.read_text().partition("### Roles")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return [[one for one in b.split(";") if one.strip()] for b in blocks]


@contextmanager
def roles_of(server: str) -> Iterator[Roles]:
    """Run the page's statements on a server; undo them at the end."""
    of_server, of_database = written()
    direct = make_url(server).set(drivername="postgresql")
    inside = direct.set(database="rescind")
    execute(direct, of_server)
    try:
        execute(inside, of_database)
        yield Roles(*(_shown(inside.set(username=one)) for one in (OWNER, APP)))
    finally:
        gone = ["DROP DATABASE rescind WITH (FORCE)"]
        execute(direct, [*gone, f"DROP ROLE {APP}", f"DROP ROLE {OWNER}"])


def execute(url: URL | str, statements: list[str]) -> None:
    with psycopg.connect(_shown(make_url(url)), autocommit=True) as connection:
        for one in statements:
            connection.execute(one.encode())


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)
