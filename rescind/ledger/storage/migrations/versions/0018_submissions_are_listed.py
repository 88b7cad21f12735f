"""Submissions are listed among the actions: ``operator_action`` gets ``until``."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    until = sa.Column("until", sa.BigInteger(), nullable=True)
    op.add_column("operator_action", until)


def downgrade() -> None:
    op.execute("DELETE FROM operator_action WHERE action = 'submit'")
    op.drop_column("operator_action", "until")
