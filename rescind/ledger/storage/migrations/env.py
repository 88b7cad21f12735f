"""Alembic's entry point: runs the migrations on the connection that it is given.

If its transaction has begun, all of them belong to it. Else each has its own.
"""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import rescind.ledger.storage.completion_table
import rescind.ledger.storage.dependency_table
import rescind.ledger.storage.event_table
import rescind.ledger.storage.group_end_table
import rescind.ledger.storage.operator_tables
import rescind.ledger.storage.plan_tables
import rescind.ledger.storage.postponement_table
import rescind.ledger.storage.restore_table
import rescind.ledger.storage.schema_range_table
import rescind.ledger.storage.search_tables
import rescind.ledger.storage.side_tables
import rescind.ledger.storage.unknown_word_table  # noqa: F401  (the models register themselves)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
