"""One attempt to tell a producer: by a webhook, or by a message to a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from rescind.config.callbacks import Callbacks, read_url
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Kind, Response
from rescind.provider.http_messages import Reply
from rescind.provider.throttling import retry_after
from rescind.webhooks.addresses import UnsentError
from rescind.webhooks.posting import post
from rescind.webhooks.signing import headers, payload

log = structlog.get_logger("rescind.webhooks")

SendTask = Callable[..., Any]
"""Celery's ``send_task``, which raises ``ConnectionError`` where there is no broker."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells producers, one at a time; from any thread."""

    callbacks: Callbacks
    secrets: tuple[str, ...] = field(repr=False)
    send_task: SendTask

    def tell(self, telling: ClaimedDelivery) -> Response:
        """Tell it once, and say what came of that. Never raises."""
        how = self._post if telling.kind is Kind.WEBHOOK else self._send
        try:
            return how(telling)
        except UnsentError as error:
            return Response(accepted=False, detail=str(error))
        except Exception as error:
            # Whatever it is must neither stop the others nor be lost without a word.
            log.exception("a webhook was not sent", webhook=telling.webhook_id)
            return Response(
                accepted=False, detail=f"a bug of ours: {type(error).__name__}"
            )

    def _post(self, telling: ClaimedDelivery) -> Response:
        why = self.callbacks.why_not(telling.url)
        url = read_url(telling.url or "")
        if why is not None or url is None:
            raise UnsentError(f"not sent: callback_url {why}")
        body, now = payload(telling), datetime.now(UTC)
        signed = headers(telling, body, self.secrets, now)
        reply = post(url, signed, body.encode(), private=self.callbacks.private)
        return heard(reply, now)

    def _send(self, telling: ClaimedDelivery) -> Response:
        try:
            self.send_task(
                telling.task,
                kwargs={"cancellation": telling.record, "id": telling.webhook_id},
                queue=telling.queue,
                # Whoever sees it twice sees the same task.
                task_id=telling.webhook_id,
                ignore_result=True,
                retry=False,
            )
        except ConnectionError as error:
            raise UnsentError(f"the broker cannot be reached: {error}") from None
        return Response(accepted=True)


def heard(reply: Reply, now: datetime) -> Response:
    """What a reply's head means."""
    if 200 <= reply.status < 300:
        return Response(accepted=True, status=reply.status)
    words = {410: ": it wants no more of this"}
    if 300 <= reply.status < 400:
        words[reply.status] = ": redirects are not followed"
    return Response(
        accepted=False,
        status=reply.status,
        detail=f"HTTP {reply.status}{words.get(reply.status, '')}",
        wait=_wait(reply, now),
        gone=reply.status == 410,
    )


def _wait(reply: Reply, now: datetime) -> timedelta | None:
    asked = retry_after(reply.headers.get("retry-after", ""), now)
    return asked if asked is not None and asked > timedelta(0) else None
