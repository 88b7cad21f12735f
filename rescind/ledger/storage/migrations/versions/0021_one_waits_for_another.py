"""Cancellations that wait for the end of others: their dependencies.

Both new columns are NULL for a cancellation without dependencies, so that neither
database rewrites a row.
"""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FAILED = "followed = 1 AND state = 'failed'"
WORDS = {"cancellation": "reason", "transition": "reason", "delivery": "ended_reason"}


def upgrade() -> None:
    online.add_column("cancellation", sa.Column("waits_for", sa.BigInteger()))
    online.add_column("cancellation", sa.Column("followed", sa.SmallInteger()))
    online.create_index("ix_failed_predecessor", "cancellation", ["id"], where=FAILED)
    op.create_table(
        "dependency",
        sa.Column("successor_id", NAME, primary_key=True),
        sa.Column("predecessor_id", NAME, primary_key=True),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("depth", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_dependency_predecessor", "dependency", ["predecessor_id", "successor_id"]
    )


def downgrade() -> None:
    """The older version would never send what waits for others: it is given up, so that
    a person looks at it."""
    op.execute(
        "UPDATE cancellation SET state = 'failed', reason = 'never_sent',"
        " provider_message = 'waited for other cancellations', due_at = NULL,"
        " finished_at = updated_at, version = version + 1"
        " WHERE state = 'scheduled' AND waits_for > 0"
    )
    for table, column in WORDS.items():
        op.execute(
            f"UPDATE {table} SET {column} = 'requested' WHERE {column} = 'not_wanted'"
        )
    op.drop_table("dependency")
    op.drop_index("ix_failed_predecessor", "cancellation")
    op.drop_column("cancellation", "followed")
    op.drop_column("cancellation", "waits_for")
