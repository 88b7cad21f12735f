"""An outbox: never loses a cancellation, even if Redis and Rescind are both down.

Your program writes the cancellation into your own database, in the transaction that
changes the order. Run this program every minute: it submits the cancellations that are
not in Rescind's ledger yet.
"""

import json
import os
import sqlite3
import sys
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from cancel import submit
from kombu.exceptions import OperationalError

API = os.environ["RESCIND_URL"]
TOKEN = os.environ["RESCIND_TOKEN"]  # with the scope `read`

TABLE = """CREATE TABLE IF NOT EXISTS outbox (
    provider TEXT, order_id TEXT, entry TEXT, PRIMARY KEY (provider, order_id))"""
ADD = "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?)"
REMOVE = "DELETE FROM outbox WHERE provider = ? AND order_id = ?"


def add(db: sqlite3.Connection, provider: str, order: str, **more: object) -> None:
    """Call this in the transaction that marks the order as cancelled."""
    entry = json.dumps({"provider": provider, "order": order, **more})
    db.execute(ADD, (provider, order, entry))


def is_accepted(provider: str, order: str) -> bool:
    """Whether it is in Rescind's ledger: from then on it ends exactly once."""
    path = f"/v1/cancellations/{provider}/default/{quote(order, safe='')}"
    request = Request(API + path, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urlopen(request, timeout=10):
            return True
    except HTTPError as error:
        if error.code == 404:
            return False
        raise


def push(db: sqlite3.Connection) -> int:
    """Remove accepted cancellations, submit the others; returns how many are left."""
    waiting = db.execute("SELECT provider, order_id, entry FROM outbox").fetchall()
    left = []
    for provider, order, entry in waiting:
        if is_accepted(provider, order):
            with db:
                db.execute(REMOVE, (provider, order))
        else:
            left.append(json.loads(entry))
    for _ in submit(left):
        pass
    return len(left)


def main() -> int:
    db = sqlite3.connect(sys.argv[1])
    db.execute(TABLE)
    if len(sys.argv) == 4:
        with db:
            add(db, sys.argv[2], sys.argv[3])
    try:
        print(push(db))
    except (OperationalError, URLError) as error:
        print(f"not submitted: {error}; the outbox keeps it", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
