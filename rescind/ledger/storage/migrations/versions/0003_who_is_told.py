"""Deliveries to producers; and order identifiers of any form."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
kind = "expand"

ADDED = ("callback_task", "callback_queue", "trace")


def upgrade() -> None:
    for name in ADDED:
        op.add_column("cancellation", sa.Column(name, sa.Text(), nullable=True))
    op.create_table(
        "delivery",
        sa.Column("cancellation_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_state", sa.Text(), nullable=False),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("ended_code", sa.Text(), nullable=True),
        sa.Column("ended_message", sa.Text(), nullable=True),
        sa.Column("ended_attempts", sa.BigInteger(), nullable=False),
        sa.Column("ended_polls", sa.BigInteger(), nullable=False),
        sa.Column("ended_cancel_before", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cancellation_id", "seq", "kind"),
        sa.CheckConstraint("kind IN ('task', 'webhook')", name="ck_delivery_kind"),
        sa.CheckConstraint(
            "state IN ('delivered', 'given_up', 'waiting')", name="ck_delivery_state"
        ),
        sa.CheckConstraint(
            "(due_at IS NOT NULL) = (state = 'waiting')", name="ck_delivery_due"
        ),
        sqlite_with_rowid=False,
    )
    other_key = sa.text("order_id <> key")
    op.create_index(
        "ix_order",
        "cancellation",
        ["order_id", "id"],
        sqlite_where=other_key,
        postgresql_where=other_key,
    )
    _index("ix_delivery_due", ["due_at"], "state = 'waiting'")
    _index("ix_delivery_target", ["target", "due_at"], "state = 'waiting'")
    _index("ix_delivery_given_up", ["updated_at"], "state = 'given_up'")


def downgrade() -> None:
    op.drop_index("ix_order", "cancellation")
    op.drop_table("delivery")
    for name in reversed(ADDED):
        op.drop_column("cancellation", name)


def _index(name: str, columns: list[str], where: str) -> None:
    only = sa.text(where)
    op.create_index(
        name, "delivery", columns, sqlite_where=only, postgresql_where=only
    )
