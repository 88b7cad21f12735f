"""The final state ``withdrawn``: taken back before anything was sent.

Every row that the former checks allowed passes the new ones, too. So PostgreSQL need not
read the table (NOT VALID): it is locked for a moment only, whatever its size. SQLite
cannot change a table's check, and copies the table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
kind = "contract"

FINAL = ("cancelled", "expired", "failed", "rejected")
STATES = (
    *FINAL[:3],
    "queued",
    "rejected",
    "requested",
    "scheduled",
    "sending",
    "verifying",
)
NEW = "withdrawn"


def _one_by_one(states: tuple[str, ...]) -> str:
    each = " OR ".join(f"state = '{state}'" for state in states)
    return f"({each})"


def _checks(final: tuple[str, ...], states: tuple[str, ...]) -> dict[str, str]:
    return {
        "ck_state": _one_by_one(states),
        "ck_finished_when_final": f"(finished_at IS NOT NULL) = {_one_by_one(final)}",
        "ck_due_when_open": f"(due_at IS NULL) = {_one_by_one(final)}",
        "ck_reason_when_final": f"reason IS NOT NULL OR NOT {_one_by_one(final)}",
    }


BEFORE, AFTER = _checks(FINAL, STATES), _checks((*FINAL, NEW), (*STATES, NEW))


def upgrade() -> None:
    _replace(BEFORE, AFTER)


def downgrade() -> None:
    """The older version knows no such end. ``expired`` says as much of the order: no call
    for it took effect."""
    op.execute(
        "UPDATE cancellation SET state = 'expired', reason = 'deadline_passed',"
        " provider_message = 'withdrawn' WHERE state = 'withdrawn'"
    )
    for column in ("from_state", "to_state"):
        op.execute(
            f"UPDATE transition SET {column} = 'expired' WHERE {column} = 'withdrawn'"
        )
    _replace(AFTER, BEFORE)


def _replace(before: dict[str, str], after: dict[str, str]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy_with({text: after[name] for name, text in before.items()})
        return
    changes = [
        f"DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({text}) NOT VALID"
        for name, text in after.items()
    ]
    op.execute(f"ALTER TABLE cancellation {', '.join(changes)}")


def _copy_with(words: dict[str, str]) -> None:
    """Copy the table into one with other words in its checks."""
    table, *others = _as_made()
    for before, after in words.items():
        table = table.replace(before, after)
    # Otherwise an operator's own views would then refer to the dropped table.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table("cancellation", "cancellation_before")
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.get_bind().exec_driver_sql(table)
    # With its rowids: another table's index may refer to them.
    columns = ", ".join(_columns())
    op.execute(
        f"INSERT INTO cancellation (rowid, {columns})"
        f" SELECT rowid, {columns} FROM cancellation_before"
    )
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


def _columns() -> list[str]:
    found = op.get_bind().exec_driver_sql(
        "SELECT name FROM pragma_table_info('cancellation')"
    )
    return [f'"{name}"' for name in found.scalars()]
