"""Judgements of successors that one transaction leaves to later ones."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
CONCERNED = "concerned = 'itself' OR concerned = 'successors'"
THEIRS = (
    "SELECT successor_id FROM dependency JOIN postponed_judgement"
    " ON cancellation_id = predecessor_id"
)
KEPT = (
    "SELECT 1 FROM dependency AS d JOIN cancellation AS other"
    " ON other.id = d.predecessor_id WHERE d.successor_id = cancellation.id"
    " AND (other.finished_at IS NULL OR other.state = 'failed')"
)
"""A predecessor that will be judged by its end, or that waits for a person."""


def upgrade() -> None:
    op.create_table(
        "postponed_judgement",
        sa.Column("cancellation_id", NAME, primary_key=True),
        sa.Column("concerned", NAME, primary_key=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(CONCERNED, name="ck_concerned"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_postponed_due",
        "postponed_judgement",
        ["concerned", "due_at", "cancellation_id"],
    )


def downgrade() -> None:
    """The older version would never judge them again. What would wait for ever is given
    up, so that a person looks at it."""
    op.execute(
        "UPDATE cancellation SET state = 'failed', reason = 'never_sent',"
        " provider_message = 'waited for other cancellations', due_at = NULL,"
        " finished_at = updated_at, version = version + 1"
        f" WHERE state = 'scheduled' AND waits_for > 0 AND id IN ({THEIRS})"
        f" AND NOT EXISTS ({KEPT})"
    )
    op.drop_table("postponed_judgement")
