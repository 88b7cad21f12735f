"""Never lose a cancellation: your own database first, then Rescind, until it knows.

What must be cancelled is written beside your own change of the order, in the same
transaction. This is run every minute: it hands over what Rescind does not know yet.
"""

import json
import os
import sqlite3
import sys
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from cancel import hand_over
from kombu.exceptions import OperationalError

DOOR = os.environ["RESCIND_URL"]
TOKEN = os.environ["RESCIND_TOKEN"]  # with the scope `read`

TABLE = """CREATE TABLE IF NOT EXISTS outbox (
    provider TEXT, order_id TEXT, entry TEXT, PRIMARY KEY (provider, order_id))"""
ADD = "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?)"
FORGET = "DELETE FROM outbox WHERE provider = ? AND order_id = ?"


def wish(db: sqlite3.Connection, provider: str, order: str, **more: object) -> None:
    """Call this in the transaction that marks the order as cancelled."""
    entry = json.dumps({"provider": provider, "order": order, **more})
    db.execute(ADD, (provider, order, entry))


def knows(provider: str, order: str) -> bool:
    """Whether it is in Rescind's ledger: from then on it ends, exactly once."""
    path = f"/v1/cancellations/{provider}/default/{quote(order, safe='')}"
    asked = Request(DOOR + path, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urlopen(asked, timeout=10):
            return True
    except HTTPError as error:
        if error.code == 404:
            return False
        raise


def push(db: sqlite3.Connection) -> int:
    """Drop what Rescind knows, hand over the rest (again); gives how many are left."""
    waiting = db.execute("SELECT provider, order_id, entry FROM outbox").fetchall()
    left = []
    for provider, order, entry in waiting:
        if knows(provider, order):
            with db:
                db.execute(FORGET, (provider, order))
        else:
            left.append(json.loads(entry))
    for _ in hand_over(left):
        pass
    return len(left)


def main() -> int:
    db = sqlite3.connect(sys.argv[1])
    db.execute(TABLE)
    if len(sys.argv) == 4:
        with db:
            wish(db, sys.argv[2], sys.argv[3])
    try:
        print(push(db))
    except (OperationalError, URLError) as error:
        print(f"not now: {error}; it stays in the outbox", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
