"""When the ledger was last restored from an older copy, for each lane."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    online.add_column("lane", sa.Column("restored_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("lane", "restored_at")
