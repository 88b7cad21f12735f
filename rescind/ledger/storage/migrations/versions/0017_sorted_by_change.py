"""An index of cancellations by their last change, for ``updated_since``."""

from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
kind = "expand"


def upgrade() -> None:
    online.create_index("ix_updated", "cancellation", ["updated_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_updated", "cancellation")
