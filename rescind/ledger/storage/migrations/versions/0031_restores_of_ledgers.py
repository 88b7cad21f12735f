"""When the ledger was restored from older copies, for lanes that are new since then."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    online.create_table(
        "ledger_restore",
        sa.Column(
            "restored_at", sa.BigInteger(), primary_key=True, autoincrement=False
        ),
    )
    op.execute(
        "INSERT INTO ledger_restore (restored_at) SELECT DISTINCT restored_at FROM lane"
        " WHERE restored_at IS NOT NULL ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    """The older version looks for the time in the row of each lane alone."""
    op.execute(
        "UPDATE lane SET restored_at = (SELECT max(restored_at) FROM ledger_restore)"
        " WHERE restored_at IS NULL"
    )
    op.drop_table("ledger_restore")
