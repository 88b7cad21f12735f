"""Plans: cancellations that were submitted together, under the names of their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "plan",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("callback_url", sa.Text()),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.UniqueConstraint("key", "name", name="uq_plan_key"),
    )
    op.create_index("ix_plan_name", "plan", ["name", "id"])
    op.create_table(
        "plan_step",
        sa.Column("plan_id", NAME, primary_key=True),
        sa.Column("step", NAME, primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("cancellation_id", NAME, nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("condition", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_plan_step_cancellation", "plan_step", ["cancellation_id", "plan_id"]
    )


def downgrade() -> None:
    """The cancellations stay, and what they wait for: only their common name goes."""
    op.drop_table("plan_step")
    op.drop_table("plan")
