"""Who did what: who submitted and changed cancellations, and what operators did."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("cancellation", sa.Column("submitted_by", sa.Text(), nullable=True))
    op.add_column("transition", sa.Column("by", sa.Text(), nullable=True))
    op.add_column("lane", sa.Column("held_by", sa.Text(), nullable=True))
    op.create_table(
        "operator_action",
        sa.Column("id", NAME, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("operator_action")
    op.drop_column("lane", "held_by")
    op.drop_column("transition", "by")
    op.drop_column("cancellation", "submitted_by")
