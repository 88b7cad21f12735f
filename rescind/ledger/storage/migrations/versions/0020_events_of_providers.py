"""Events of providers: which ones were seen, and readings that they ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("cancellation", sa.Column("reread", sa.BigInteger(), nullable=True))
    op.create_table(
        "seen_event",
        sa.Column("digest", NAME, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_seen_event", "seen_event", ["seen_at"])


def downgrade() -> None:
    op.drop_table("seen_event")
    op.drop_column("cancellation", "reread")
