"""Plans that one transaction leaves to later ones to complete."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    online.create_table(
        "postponed_completion",
        sa.Column("cancellation_id", NAME, primary_key=True),
        sa.Column("after_plan", NAME, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    online.create_index(
        "ix_completion_due", "postponed_completion", ["due_at", "cancellation_id"]
    )


def downgrade() -> None:
    """The older version tells no end that is still to be told. The sweep of this
    version tells them within seconds: let it run before."""
    op.drop_table("postponed_completion")
