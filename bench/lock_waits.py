"""Measures how long small reads and writes of each table wait for locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Self

from sqlalchemy import create_engine, text

WRITES = {
    "cancellation": "UPDATE cancellation SET polls = polls + 1 WHERE id = "
    "(SELECT min(id) FROM cancellation)",
    "transition": "UPDATE transition SET at = at + 1 WHERE seq = 1 AND cancellation_id"
    " = (SELECT min(cancellation_id) FROM transition)",
    "call": "UPDATE call SET took_ms = took_ms + 1 WHERE id ="
    " (SELECT min(id) FROM call)",
    "delivery": "UPDATE delivery SET attempts = attempts + 1 WHERE seq = 3 AND"
    " kind = 'webhook' AND cancellation_id ="
    " (SELECT min(cancellation_id) FROM delivery)",
    "lane": "UPDATE lane SET failures = failures + 1",
}
EVERY_SECONDS = 0.05


class Waits:
    """A thread for each table, which writes one row every 50 ms, and notes how long
    each write took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self._took: dict[str, list[float]] = {name: [] for name in WRITES}
        self._failed: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._write, args=(name,)) for name in WRITES
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def lines(self) -> Iterator[str]:
        """What each table's writer met."""
        for name, took in self._took.items():
            longest = f"longest {max(took) * 1000:,.0f} ms of {len(took):,} writes"
            failed = f"; FAILED: {self._failed[name]}" if name in self._failed else ""
            yield f"{name}: {longest}{failed}"

    def _write(self, name: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SET enable_seqscan = off"))
            while not self._stopped.wait(EVERY_SECONDS):
                began = time.monotonic()
                try:
                    connection.execute(text(WRITES[name]))
                except Exception as error:  # noqa: BLE001
                    self._failed[name] = str(error).splitlines()[0]
                self._took[name].append(time.monotonic() - began)
        engine.dispose()
