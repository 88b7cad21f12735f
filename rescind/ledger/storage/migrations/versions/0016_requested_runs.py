"""Runs of schedules that an operator asked the workers for."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    op.add_column("schedule_run", sa.Column("most", sa.BigInteger(), nullable=True))
    op.add_column("schedule_run", sa.Column("requested_by", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("schedule_run", "requested_by")
    op.drop_column("schedule_run", "most")
