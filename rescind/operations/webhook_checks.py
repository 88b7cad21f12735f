"""The checks of `rescind doctor` that concern webhooks."""

from __future__ import annotations

from collections.abc import Iterator

from rescind.config.settings import Settings
from rescind.operations.findings import Check, Level

WHAT = "webhooks"


def webhook_checks(chosen: Settings) -> Iterator[Check]:
    """Checks that hosts and secret are both set, and warns of private addresses."""
    hosts, secrets = chosen.callbacks.hosts, chosen.webhook_secrets
    if hosts and not secrets:
        says = (
            "RESCIND_WEBHOOK_HOSTS is set and RESCIND_WEBHOOK_SECRET is not: every"
            " callback_url is refused; `rescind webhooks secret` makes one"
        )
        yield Check(WHAT, Level.WRONG, says, "webhook-settings")
    elif secrets and not hosts:
        says = (
            "RESCIND_WEBHOOK_SECRET is set and RESCIND_WEBHOOK_HOSTS is not: every"
            " callback_url is refused; list the hosts that may be called"
        )
        yield Check(WHAT, Level.WARNING, says, "webhook-settings")
    elif hosts:
        says = f"signed by {len(secrets)} secret{'s' if len(secrets) > 1 else ''}"
        yield Check(WHAT, Level.OK, says)
    if chosen.webhook_private:
        says = (
            "RESCIND_WEBHOOK_PRIVATE allows plain http and addresses in your own"
            " network: producers can make Rescind call the listed hosts there"
        )
        yield Check(WHAT, Level.WARNING, says, "webhooks-private")
