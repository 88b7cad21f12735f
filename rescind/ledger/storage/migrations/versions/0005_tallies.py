"""Counters: exact over all workers, and kept when rows are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
kind = "expand"

BUCKETS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
FLOW_MS = 26 * 3_600_000
SLOT_MS = 900_000

# Counts the past as `rescind.ledger.storage.counters` will count from now on. Rows that
# were deleted, and events that were never stored (throttles, holds), are not counted.
INTO = """INSERT INTO tally (slot, metric, provider, account, first, second, third, shard,
  count, orders, took_ms) """
ENDED = INTO + """
SELECT {slot}, 'outcome', lane.provider, lane.account, t.to_state, t.reason, '', 0,
  count(*), 0, 0
FROM transition AS t JOIN ({lanes}) AS lane ON lane.id = t.cancellation_id
WHERE t.to_state IN ('cancelled', 'expired', 'failed', 'rejected')
  AND t.at >= {since}
GROUP BY 1, 3, 4, 5, 6
"""
REFUSED = "key LIKE 'refused:%' AND state = 'rejected'"
LANES = f"""
SELECT id, CASE WHEN {REFUSED} THEN 'unknown' ELSE provider END AS provider,
  CASE WHEN {REFUSED} THEN 'unknown' ELSE account END AS account FROM cancellation
"""
ACCEPTED = INTO + f"""
SELECT 0, 'accepted', provider, account, '', '', '', 0, count(*), 0, 0
FROM cancellation WHERE NOT ({REFUSED}) GROUP BY provider, account
"""
ATTEMPTS = INTO + """
SELECT 0, 'attempt', provider, account, '', '', '', 0,
  sum(attempts - CASE WHEN state = 'sending' THEN 1 ELSE 0 END), 0, 0
FROM cancellation GROUP BY provider, account
HAVING sum(attempts - CASE WHEN state = 'sending' THEN 1 ELSE 0 END) > 0
"""
MOVED = INTO + """
SELECT 0, '{metric}', c.provider, c.account, '', '', '', 0, count(*), 0, 0
FROM transition AS t JOIN cancellation AS c ON c.id = t.cancellation_id
WHERE t.evidence = '{evidence}' GROUP BY c.provider, c.account
"""
CALLS = INTO + """
SELECT 0, 'call', provider, account, operation, evidence, {bucket}, 0,
  count(*), sum(orders), sum(took_ms)
FROM call GROUP BY provider, account, operation, evidence, {bucket}
"""


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("third", sa.Text(), nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "slot",
            "metric",
            "provider",
            "account",
            "first",
            "second",
            "third",
            "shard",
        ),
        sqlite_with_rowid=False,
    )
    for statement in _seeds():
        op.execute(statement)


def _seeds() -> list[str]:
    limits = [f"WHEN took_ms <= {ms} THEN '{ms}'" for ms in BUCKETS]
    bucket = f"CASE {' '.join(limits)} ELSE 'inf' END"
    quarter = f"t.at - t.at % {SLOT_MS}"
    now = "(SELECT max(at) FROM transition)"
    return [
        ENDED.format(slot="0", since="0", lanes=LANES),
        ENDED.format(slot=quarter, since=f"{now} - {FLOW_MS}", lanes=LANES),
        ACCEPTED,
        ATTEMPTS,
        MOVED.format(metric="lease", evidence="the lease ran out"),
        MOVED.format(metric="retry", evidence="retry"),
        CALLS.format(bucket=bucket),
    ]


def downgrade() -> None:
    op.drop_table("tally")
