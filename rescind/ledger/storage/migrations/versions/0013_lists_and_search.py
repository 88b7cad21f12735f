"""Lists by the time of the end, the search for a part, and outcomes by the hour.

Existing orders are indexed for the search by the workers, after the upgrade: a ledger
of five million would take minutes here.
"""

import sqlalchemy as sa
from alembic import op

from rescind.ledger.storage.migrations import online

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
kind = "expand"

# Compared byte by byte: see 0006.
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

ENDED = "finished_at IS NOT NULL"
# Without positions ("detail=none") the index is a third as large. It finds the rows
# that have all trigrams; the words are then compared. They are in lower case already.
FULL_TEXT = """
CREATE VIRTUAL TABLE search_text USING fts5(
  words, content='search_entry', content_rowid='position', columnsize=0,
  detail=none, tokenize='trigram case_sensitive 1'
)
"""
TRIGRAMS = """
CREATE FUNCTION search_trigrams(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT substr(words, n, 3)), '{}')
  FROM generate_series(1, length(words) - 2) AS n
$$
"""


def upgrade() -> None:
    columns = ["provider", "account", "state", "finished_at", "id"]
    online.create_index("ix_ended", "cancellation", columns, where=ENDED)
    op.create_table(
        "search_entry",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("cancellation_id", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.UniqueConstraint("cancellation_id", name="uq_search_entry"),
    )
    op.create_table(
        "search_progress",
        sa.Column(
            "lag_seconds", sa.BigInteger(), primary_key=True, autoincrement=False
        ),
        sa.Column("last_id", sa.Text(), nullable=False),
    )
    op.create_table(
        "outcome_hour",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("provider", NAME, primary_key=True),
        sa.Column("metric", NAME, primary_key=True),
        sa.Column("first", NAME, primary_key=True),
        sa.Column("second", NAME, primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    _trigrams()


def _trigrams() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(FULL_TEXT)
        return
    op.execute(
        'ALTER TABLE search_entry ALTER cancellation_id TYPE text COLLATE "C",'
        ' ALTER words TYPE text COLLATE "C"'
    )
    op.execute('ALTER TABLE search_progress ALTER last_id TYPE text COLLATE "C"')
    op.get_bind().exec_driver_sql(TRIGRAMS)
    op.execute(
        "CREATE INDEX ix_search_words ON search_entry"
        " USING gin (search_trigrams(words))"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_text")
    op.drop_table("search_entry")
    op.drop_table("search_progress")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION search_trigrams(text)")
    op.drop_table("outcome_hour")
    op.drop_index("ix_ended", "cancellation")
