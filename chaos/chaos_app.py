"""The Celery app of the workers under test: Rescind's own, that can be made to die."""

import tasks
from chaos import mutations, placement
from rescind.ledger.storage import transactions
from worker.celery import app

__all__ = ["app", "tasks"]

# So short that a lock of some seconds is answered, more than once, with "locked".
transactions.BUSY_SECONDS = 1

placement.install()
mutations.install()
