"""Makes one attempt of a delivery: by a webhook, or by a message to a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from rescind.config.callback_urls import read_url
from rescind.config.callbacks import Callbacks
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Kind, Response
from rescind.provider.http_messages import Reply
from rescind.provider.throttling import retry_after
from rescind.webhooks.addresses import UnsentError
from rescind.webhooks.posting import post
from rescind.webhooks.signing import headers, payload

log = structlog.get_logger("rescind.webhooks")

MAY_ASK_TO_WAIT = frozenset({429, 503})
"""Statuses whose ``Retry-After`` is obeyed."""

SendTask = Callable[..., Any]
"""Celery's ``send_task``; raises ``ConnectionError`` if the broker is unreachable."""


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Makes attempts of deliveries. Safe from any thread."""

    callbacks: Callbacks
    send_task: SendTask

    def attempt(self, delivery: ClaimedDelivery) -> Response:
        """Make one attempt; returns its result. Never raises."""
        how = self._send if delivery.kind is Kind.TASK else self._post
        try:
            return how(delivery)
        except UnsentError as error:
            return Response(accepted=False, detail=str(error))
        except Exception as error:
            # Any error must be logged, and must not stop the other deliveries.
            log.exception("a webhook was not sent", webhook=delivery.webhook_id)
            return Response(
                accepted=False, detail=f"a bug of ours: {type(error).__name__}"
            )

    def _post(self, delivery: ClaimedDelivery) -> Response:
        body = payload(delivery)
        return post_signed(
            self.callbacks, delivery.url or "", delivery.webhook_id, body
        )

    def _send(self, delivery: ClaimedDelivery) -> Response:
        try:
            self.send_task(
                delivery.task,
                kwargs={"cancellation": delivery.record, "id": delivery.webhook_id},
                queue=delivery.queue,
                # A repeated delivery has the same task id.
                task_id=delivery.webhook_id,
                ignore_result=True,
                retry=False,
            )
        except ConnectionError as error:
            raise UnsentError(f"the broker cannot be reached: {error}") from None
        return Response(accepted=True)


def post_signed(callbacks: Callbacks, address: str, named: str, body: str) -> Response:
    """Post one signed webhook with the id ``named``; raises ``UnsentError``."""
    why, url = callbacks.why_not(address), read_url(address)
    if why is not None or url is None:
        raise UnsentError(f"not sent: the address {why}")
    now = datetime.now(UTC)
    signed = headers(named, body, callbacks.secrets.of(url), now)
    reply = post(url, signed, body.encode(), private=callbacks.private)
    return result_of(reply, now)


def result_of(reply: Reply, now: datetime) -> Response:
    """The result of an attempt, from the head of the receiver's reply."""
    if 200 <= reply.status < 300:
        return Response(accepted=True, status=reply.status)
    words = {410: ": the receiver wants no more webhooks"}
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
    if reply.status not in MAY_ASK_TO_WAIT:
        # A proxy may add the header to any error, without a wish of the receiver.
        return None
    asked = retry_after(reply.headers.get("retry-after", ""), now)
    return asked if asked is not None and asked > timedelta(0) else None
