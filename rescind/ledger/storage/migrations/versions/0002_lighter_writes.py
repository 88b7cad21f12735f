"""Partial indexes with only the rows that queries look for; history in one B-tree.

Every write of a cancellation updates fewer indexes, and queries do not get slower as
the ledger grows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
kind = "expand"

LOOKED_AT = "finished_at IS NULL AND state <> 'queued'"
WITH_DEADLINE = "state = 'scheduled' AND cancel_before IS NOT NULL"
GROUPED_LISTED = "group_name IS NOT NULL AND state <> 'sending'"
LISTED = "state <> 'sending'"
SEALED = "sealed IS NOT NULL"

LOOK = ["provider", "account", "state", "due_at"]


def upgrade() -> None:
    _index("ix_to_look_at", LOOK, LOOKED_AT)
    _index("ix_deadline", ["provider", "account", "urgency"], WITH_DEADLINE)
    _index("ix_group", ["group_name", "state", "id"], GROUPED_LISTED)
    _index("ix_state", ["provider", "account", "state", "id"], LISTED)
    _create("ix_sealed", ["finished_at", "id"], SEALED)
    # No query used it.
    op.drop_index("ix_call_lane", "call")
    _transitions(with_rowid=False)


def downgrade() -> None:
    _index("ix_to_look_at", LOOK, "finished_at IS NULL")
    _index("ix_deadline", ["urgency"], "state IN ('queued', 'scheduled')")
    _index("ix_group", ["group_name", "id"], None)
    _index("ix_state", ["state", "id"], None)
    op.drop_index("ix_sealed", "cancellation")
    op.create_index("ix_call_lane", "call", ["provider", "account", "id"])
    _transitions(with_rowid=True)


def _index(name: str, columns: list[str], where: str | None) -> None:
    op.drop_index(name, "cancellation")
    _create(name, columns, where)


def _create(name: str, columns: list[str], where: str | None) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(
        name, "cancellation", columns, sqlite_where=only, postgresql_where=only
    )


def _transitions(*, with_rowid: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("transition", "transition_before")
    op.create_table(
        "transition",
        sa.Column("cancellation_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("cancellation_id", "seq"),
        sqlite_with_rowid=with_rowid,
    )
    op.execute("INSERT INTO transition SELECT * FROM transition_before")
    op.drop_table("transition_before")
