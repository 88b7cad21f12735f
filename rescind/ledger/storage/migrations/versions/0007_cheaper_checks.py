"""Cheaper checks for SQLite.

SQLite builds a table for the list of an IN, in each check of each written row. That was
three tenths of the time of an UPDATE. PostgreSQL does not, and keeps its checks.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
kind = "expand"

FINAL = ("cancelled", "expired", "failed", "rejected")
STATES = (
    "cancelled",
    "expired",
    "failed",
    "queued",
    "rejected",
    "requested",
    "scheduled",
    "sending",
    "verifying",
)


def _listed(states: tuple[str, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _one_by_one(states: tuple[str, ...]) -> str:
    each = " OR ".join(f"state = '{state}'" for state in states)
    return f"({each})"


CHECKS = {
    f"state NOT IN ({_listed(FINAL)})": f"NOT {_one_by_one(FINAL)}",
    f"(state IN ({_listed(FINAL)}))": _one_by_one(FINAL),
    f"(state IN ({_listed(STATES)}))": f"({_one_by_one(STATES)})",
}
"""The text of each check before this migration, and after it."""


def upgrade() -> None:
    _rewrite(CHECKS)


def downgrade() -> None:
    _rewrite({after: before for before, after in CHECKS.items()})


def _rewrite(words: dict[str, str]) -> None:
    """Rebuild the table: SQLite cannot change a table's check."""
    if op.get_bind().dialect.name != "sqlite":
        return
    table, *others = _as_made()
    for before, after in words.items():
        table = table.replace(before, after)
    # Otherwise an operator's own views would then refer to the dropped table.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table("cancellation", "cancellation_before")
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.get_bind().exec_driver_sql(table)
    op.execute("INSERT INTO cancellation SELECT * FROM cancellation_before")
    op.drop_table("cancellation_before")
    for other in others:
        op.get_bind().exec_driver_sql(other)


def _as_made() -> list[str]:
    """The SQL of the table, and then of its indexes and triggers."""
    made = op.get_bind().exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'cancellation'"
        " AND sql IS NOT NULL ORDER BY type <> 'table'"
    )
    return list(made.scalars())
