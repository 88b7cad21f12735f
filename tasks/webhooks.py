"""``rescind.webhooks``: tells producers of what has ended."""

from __future__ import annotations

import structlog
from kombu.exceptions import OperationalError

from ledger.database import LedgerUnreachableError, reading
from ledger.seal import SealError
from ledger.told import anything_due
from worker import slots, wake
from worker.celery import app
from worker.runtime import Runtime, runtime, utc_now
from worker.settings import settings
from worker.stopping import stopping
from worker.webhooks.sender import Sender
from worker.webhooks.teller import Teller

log = structlog.get_logger("rescind.webhooks")


@app.task(name=wake.TELL)
def webhooks() -> None:
    """Tell what is due, unless another child of this worker does."""
    with slots.turn("webhooks") as turn:
        if turn is None:
            return
        try:
            here = runtime()
            _sender(here).run(turn.close)
            turn.close()
            _go_on(here)
        except (LedgerUnreachableError, SealError) as error:
            log.warning("nobody is told", why=str(error))
        except OperationalError as error:
            log.warning("not woken: the sweep will find it", error=str(error))


def _sender(here: Runtime) -> Sender:
    teller = Teller(here.callbacks, settings().webhook_secrets, app.send_task)
    brief = not slots.may_linger(int(app.conf.worker_concurrency))
    return Sender(here, teller.tell, brief=brief)


def _go_on(here: Runtime) -> None:
    """What has come since the last look found this place taken."""
    if stopping():
        return
    with reading(here.engine) as connection:
        more = anything_due(connection, utc_now())
    if more:
        wake.tell_now(app)
