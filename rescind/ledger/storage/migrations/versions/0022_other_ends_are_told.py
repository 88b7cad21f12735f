"""Deliveries of the ends of plans and groups, and who is told of a group's end.

Such a delivery has an address and a body of its own. It belongs to the cancellation
whose end completed the plan or the group. One end may complete several of them, so the
primary key has their id, too.
"""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
kind = "contract"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEYS = ("cancellation_id, seq, kind", "cancellation_id, seq, kind, subject")
KINDS = (
    "kind IN ('task', 'webhook')",
    "kind = 'task' OR kind = 'webhook' OR kind = 'plan' OR kind = 'group'",
)
"""The primary key and the check of kinds, before this migration and after it."""
DOCUMENT = "(document IS NOT NULL) = (kind = 'plan' OR kind = 'group')"
PENDING = sa.text("told_at IS NULL")


def upgrade() -> None:
    subject = sa.Column("subject", NAME, nullable=False, server_default="")
    online.add_column("delivery", subject)
    online.add_column("delivery", sa.Column("url", sa.Text()))
    online.add_column("delivery", sa.Column("document", sa.JSON()))
    if online.on_postgresql():
        online.replace_primary_key("delivery", KEYS[1].split(", "))
        checks = {"ck_delivery_kind": KINDS[1], "ck_delivery_document": DOCUMENT}
        online.replace_checks("delivery", checks)
    else:
        _rewrite(*KEYS, *KINDS, document=True)
    op.create_table(
        "group_end",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("group_name", NAME, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("by", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_group_end_group", "group_end", ["group_name", "id"])
    op.create_index(
        "ix_group_end_pending",
        "group_end",
        ["group_name", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )


def downgrade() -> None:
    """The older version cannot send such deliveries: they are lost."""
    op.drop_table("group_end")
    op.execute("DELETE FROM delivery WHERE kind IN ('plan', 'group')")
    _rewrite(*reversed(KEYS), *reversed(KINDS), document=False)
    for name in ("document", "url", "subject"):
        op.drop_column("delivery", name)


def _rewrite(
    key_before: str, key: str, kinds_before: str, kinds: str, *, document: bool
) -> None:
    if op.get_bind().dialect.name == "sqlite":
        words = {f"PRIMARY KEY ({key_before})": f"PRIMARY KEY ({key})"}
        checked = f"CONSTRAINT ck_delivery_document CHECK ({DOCUMENT}), "
        first = "CONSTRAINT ck_delivery_kind CHECK "
        before = f"{'' if document else checked}{first}({kinds_before})"
        words[before] = f"{checked if document else ''}{first}({kinds})"
        _copy_with(words)
        return
    op.execute(
        "ALTER TABLE delivery DROP CONSTRAINT delivery_pkey,"
        f" ADD CONSTRAINT delivery_pkey PRIMARY KEY ({key}),"
        " DROP CONSTRAINT ck_delivery_kind,"
        f" ADD CONSTRAINT ck_delivery_kind CHECK ({kinds}),"
        + (
            f" ADD CONSTRAINT ck_delivery_document CHECK ({DOCUMENT})"
            if document
            else " DROP CONSTRAINT ck_delivery_document"
        )
    )


def _copy_with(words: dict[str, str]) -> None:
    """Copy the table into one with other words in its constraints: SQLite cannot change
    them."""
    table, *others = _as_made()
    for before, after in words.items():
        table = table.replace(before, after)
    # Otherwise an operator's own views would then refer to the dropped table.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table("delivery", "delivery_before")
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.get_bind().exec_driver_sql(table)
    op.execute("INSERT INTO delivery SELECT * FROM delivery_before")
    op.drop_table("delivery_before")
    for other in others:
        op.get_bind().exec_driver_sql(other)


def _as_made() -> list[str]:
    """The SQL of the table, and then of its indexes and triggers."""
    made = op.get_bind().exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'delivery'"
        " AND sql IS NOT NULL ORDER BY type <> 'table'"
    )
    return list(made.scalars())
