"""The work of every peer on an order: call the provider, and commit the outcome.

Each thread keeps its own HTTP session and database connection. Outcomes are as durable
as Rescind's: SQLite in WAL mode with full synchronisation, PostgreSQL with its
defaults.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

import requests

PROVIDER = os.environ.get("BENCH_PROVIDER", "")
DATABASE = os.environ.get("BENCH_DATABASE", "")
REDIS = os.environ.get("BENCH_REDIS", "")
TIMEOUT = (5, 30)
COMMIT = (
    "INSERT INTO outcome (order_id, provider, state) VALUES ({0}, {0}, {0})"
    " ON CONFLICT (order_id) DO UPDATE SET state = excluded.state"
)

_local = threading.local()


def cancel(provider: str, order: str) -> str:
    """Cancel one order and commit the outcome. notpanel only queues a cancel."""
    state = ask(provider, order)
    if state != "requested":
        commit(provider, order, state)
    return state


def ask(provider: str, order: str) -> str:
    """Cancel one order, and return the outcome."""
    return CANCELS[provider]([order])[0]


def cancel_many(provider: str, orders: Sequence[str]) -> None:
    """Cancel many orders in one call, and commit all outcomes at once."""
    states = CANCELS[provider](orders)
    rows = [
        (order, provider, state) for order, state in zip(orders, states, strict=True)
    ]
    connection = getattr(_local, "connection", None) or _connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.executemany(_local.statement, rows)
    cursor.execute("COMMIT")


def look(order: str) -> bool:
    """Ask notpanel for an order's status, and commit it once it is final."""
    form = {"key": "k", "action": "status", "order": order}
    status = _post("notpanel/api/v2", data=form)["status"].lower()
    if status not in ("cancelled", "canceled"):
        return False
    commit("notpanel", order, "cancelled")
    return True


def cancel_at_iletimerkezi(orders: Sequence[str]) -> list[str]:
    login = {"key": "k", "hash": "h"}
    body = {"request": {"authentication": login, "order": {"id": orders[0]}}}
    said = _post("iletimerkezi/v1/cancel-order/json", json=body)
    done = said["response"]["status"]["code"] == 200
    return ["cancelled" if done else "rejected"]


def cancel_at_ithink(orders: Sequence[str]) -> list[str]:
    login = {"access_token": "a", "secret_key": "s"}
    body = {"data": {**login, "awb_numbers": ",".join(orders)}}
    rows = _post("ithink/api_v3/order/cancel.json", json=body)["data"]
    words = [rows[str(place)]["status"] for place in range(1, len(orders) + 1)]
    return ["cancelled" if word == "Success" else "rejected" for word in words]


def cancel_at_notpanel(orders: Sequence[str]) -> list[str]:
    form = {"key": "k", "action": "cancel", "order": orders[0]}
    said = _post("notpanel/api/v2", data=form)
    return ["requested" if said.get("cancel") else "rejected"]


CANCELS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "iletimerkezi": cancel_at_iletimerkezi,
    "ithink": cancel_at_ithink,
    "notpanel": cancel_at_notpanel,
}


def commit(provider: str, order: str, state: str) -> None:
    """One durable commit."""
    connection = getattr(_local, "connection", None) or _connect()
    connection.execute(_local.statement, (order, provider, state))


def _post(path: str, **body: Any) -> Any:
    session = getattr(_local, "session", None) or _session()
    reply = session.post(f"{PROVIDER}/{path}", timeout=TIMEOUT, **body)
    reply.raise_for_status()
    return reply.json()


def _session() -> requests.Session:
    session: requests.Session = requests.Session()
    # Without reading proxies and .netrc from the environment: a third faster.
    session.trust_env = False
    _local.session = session
    return session


def _connect() -> Any:
    connection: Any
    if DATABASE.startswith("sqlite:///"):
        path = DATABASE.removeprefix("sqlite:///")
        # Each statement is its own transaction.
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        _local.statement = COMMIT.format("?")
    else:
        import psycopg

        url = DATABASE.replace("postgresql+psycopg://", "postgresql://")
        connection = psycopg.connect(url, autocommit=True)
        _local.statement = COMMIT.format("%s")
    _local.connection = connection
    return connection
