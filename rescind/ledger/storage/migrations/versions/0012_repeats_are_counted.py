"""Repeats are counted: ``transition`` and ``call`` get ``repeats`` and ``until``.

While a provider cannot be reached, each new try says the same as the one before. It
raises a count, and adds no row.
"""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
kind = "expand"

NO_EFFECT = "evidence = 'not_sent' OR evidence = 'throttled'"


def upgrade() -> None:
    for table in ("transition", "call"):
        repeats = sa.Column(
            "repeats", sa.BigInteger(), nullable=False, server_default="0"
        )
        online.add_column(table, repeats)
        online.add_column(table, sa.Column("until", sa.BigInteger(), nullable=True))
    _collate('"C"')
    columns = ["provider", "account", "operation", "id"]
    online.create_index("ix_call_no_effect", "call", columns, where=NO_EFFECT)


def downgrade() -> None:
    op.drop_index("ix_call_no_effect", "call")
    _collate('"default"')
    for table in ("call", "transition"):
        op.drop_column(table, "until")
        op.drop_column(table, "repeats")


def _collate(order: str) -> None:
    """Have PostgreSQL compare the index's texts byte by byte: see 0006."""
    if op.get_bind().dialect.name == "postgresql":
        names = ("id", "provider", "account", "operation")
        changes = (f"ALTER {name} TYPE text COLLATE {order}" for name in names)
        op.execute(f"ALTER TABLE call {', '.join(changes)}")
