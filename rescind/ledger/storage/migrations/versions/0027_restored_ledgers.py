"""When the ledger was last restored from an older copy, for each lane."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    op.add_column("lane", sa.Column("restored_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("lane", "restored_at")
