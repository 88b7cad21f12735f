"""``lane.stalled_since``: since when a lane with due work makes no progress."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    op.add_column("lane", sa.Column("stalled_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("lane", "stalled_since")
