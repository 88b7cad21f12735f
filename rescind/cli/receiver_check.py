"""Sends a test event to a webhook's receiver: the code of ``rescind webhooks test``."""

from __future__ import annotations

from rescind.cli import connections, output
from rescind.config.actors import command_actor
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors.exit_statuses import UNREACHABLE
from rescind.errors.reported import CommandError
from rescind.operations.receiver_trial import try_receiver


def send(address: str, *, as_json: bool) -> None:
    """Raises ``CommandError`` if the address may not be called or did not accept it."""
    callbacks = settings().callbacks
    if (why := callbacks.why_not(address)) is not None:
        raise CommandError(f"the address {why}", problem="webhook-settings")
    asked = (connections.need_ledger(), callbacks, address, utc_now())
    result = try_receiver(*asked, by=command_actor())
    if as_json:
        output.emit_json(
            {
                "accepted": result.accepted,
                "status": result.status,
                "detail": result.detail,
            }
        )
    if not result.accepted:
        raise CommandError(
            f"the receiver did not accept the test event: {result.detail}",
            UNREACHABLE,
            problem="receiver-refused",
        )
    if not as_json:
        output.emit(f"the receiver accepted the test event: HTTP {result.status}")
