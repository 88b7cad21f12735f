"""Which versions of the program may use the ledger: from ``oldest`` on."""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    online.create_table(
        "schema_range",
        sa.Column("oldest", NAME, nullable=False),
        sa.PrimaryKeyConstraint("oldest"),
    )
    online.add_row("schema_range", {"oldest": "0024"})


def downgrade() -> None:
    op.drop_table("schema_range")
