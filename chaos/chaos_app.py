"""Celery app of the workers under test: Rescind's own app with failpoints."""

import tasks
from chaos import mutations, placement
from rescind.ledger.storage import transactions
from worker.celery import app

__all__ = ["app", "tasks"]

# So short that a lock of some seconds makes writers fail with "locked" several times.
transactions.BUSY_SECONDS = 1

placement.install()
mutations.install()
