"""Which worker made a call."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    online.add_column("call", sa.Column("worker", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("call", "worker")
