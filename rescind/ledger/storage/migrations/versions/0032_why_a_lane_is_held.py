"""Why an operator holds a lane, in the operator's words."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    online.add_column("lane", sa.Column("held_note", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("lane", "held_note")
