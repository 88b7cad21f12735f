"""Orders that are not their own key are found by an index, too."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYED_OTHERWISE = "order_id <> key"


def upgrade() -> None:
    op.create_index(
        "ix_order",
        "cancellation",
        ["order_id", "id"],
        sqlite_where=sa.text(KEYED_OTHERWISE),
        postgresql_where=sa.text(KEYED_OTHERWISE),
    )


def downgrade() -> None:
    op.drop_index("ix_order", "cancellation")
