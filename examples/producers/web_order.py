"""A shop cancels an order in three systems: it submits one plan, and gets one webhook.

To cancel an order, your program sets its state to `cancelling` in your own database.
The first command submits what is to be cancelled: run it every minute. The second one
receives the webhooks. Both need the variables of `cancel.sh` and `webhook.py`, and the
first one SHOP_URL too: the address at which the second one is reached.

python web_order.py shop.db
python web_order.py shop.db 8000
"""

import json
import os
import sqlite3
import sys
from contextlib import closing
from http.server import ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from webhook import Receiver

DB = sys.argv[1]
TABLE = """CREATE TABLE IF NOT EXISTS orders (
    order_no TEXT PRIMARY KEY, input TEXT, state TEXT, told_at TEXT DEFAULT '')"""
TO_CANCEL = "SELECT order_no, input FROM orders WHERE state = 'cancelling'"
ENDED = "UPDATE orders SET state = ?, told_at = ? WHERE order_no = ? AND told_at < ?"

PLANS = os.environ["RESCIND_URL"] + "/v1/plans"
HEADERS = {
    "Authorization": "Bearer " + os.environ["RESCIND_TOKEN"],
    "Content-Type": "application/json",
}


def submit(db: sqlite3.Connection) -> None:
    """Submit each order as a plan. If it was submitted before, nothing changes."""
    for order_no, values in db.execute(TO_CANCEL).fetchall():
        plan = {"plan": "web-order", "input": json.loads(values)}
        body = json.dumps({**plan, "callback_url": os.environ["SHOP_URL"]})
        try:
            urlopen(Request(PLANS, body.encode(), HEADERS), timeout=10).close()
        except HTTPError as refused:
            print(order_no, refused.read().decode(), file=sys.stderr)


class Shop(Receiver):
    def store(self, webhook_id: str, event: dict) -> None:
        """Note what became of an order. The same or an older event changes nothing."""
        if not event["type"].startswith("plan."):
            return  # a test event, for example
        plan, at = event["data"], event["timestamp"]
        with closing(sqlite3.connect(DB)) as db, db:
            db.execute(ENDED, (plan["verdict"], at, plan["key"], at))


def main() -> None:
    with closing(sqlite3.connect(DB)) as db:
        db.execute(TABLE)
        if len(sys.argv) == 2:
            submit(db)
            return
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Shop).serve_forever()


if __name__ == "__main__":
    main()
