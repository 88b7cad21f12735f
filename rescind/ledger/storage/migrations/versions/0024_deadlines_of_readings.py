"""Until when a provider cancels an order, as one of its replies said."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    until = sa.Column("cancellable_until", sa.BigInteger(), nullable=True)
    op.add_column("cancellation", until)


def downgrade() -> None:
    op.drop_column("cancellation", "cancellable_until")
