"""Indexes by which no question takes longer for what has gathered in the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WITH_DEADLINE = "state = 'scheduled' AND cancel_before IS NOT NULL"
WAITING = "state IN ('queued', 'scheduled') AND cancel_before IS NOT NULL"
GROUPED = "group_name IS NOT NULL"
GROUPED_LISTED = "group_name IS NOT NULL AND state <> 'sending'"
LISTED = "state <> 'sending'"
SEALED = "sealed IS NOT NULL"


def upgrade() -> None:
    _index("ix_deadline", ["provider", "account", "urgency"], WITH_DEADLINE)
    _index("ix_group", ["group_name", "state", "id"], GROUPED_LISTED)
    _index("ix_state", ["provider", "account", "state", "id"], LISTED)
    _create("ix_sealed", ["finished_at", "id"], SEALED)


def downgrade() -> None:
    _index("ix_deadline", ["urgency"], WAITING)
    _index("ix_group", ["group_name", "id"], GROUPED)
    _index("ix_state", ["state", "id"], LISTED)
    op.drop_index("ix_sealed", "cancellation")


def _index(name: str, columns: list[str], where: str) -> None:
    op.drop_index(name, "cancellation")
    _create(name, columns, where)


def _create(name: str, columns: list[str], where: str) -> None:
    only = sa.text(where)
    op.create_index(
        name, "cancellation", columns, sqlite_where=only, postgresql_where=only
    )
