"""The settings of a run's simulated providers, and the accounts at them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from providers.registry import BY_NAME

FAULT_RATE = 0.15
LATENCY_MS = 30.0

SANDBOX: Mapping[str, Any] = {
    "faults": FAULT_RATE,
    "latency_ms": LATENCY_MS,
    "settle": 1.0,
    "lag": 0.5,
    # Longer than from a lost answer to the first reading of its order. A worker that
    # trusts an active reading at once therefore sends the cancel again.
    "slow_seconds": 2.4,
    "refuse_seconds": 0.1,
    "cooldown": 1.0,
    "notpanel_limit": 0,
    # Most orders can be cancelled. For an order that cannot, Dükkango says too little
    # after a lost answer to know what happened.
    "cancellable": 0.94,
}

QUICK: Mapping[str, Any] = {
    "connect_timeout": 0.6,
    # Shorter than a slow answer takes: a slow answer is therefore lost.
    "read_timeout": 1.0,
    "resend_delays": [0.2, 0.5, 1.0, 2.0],
    "poll_delays": [0.5, 1.0, 1.5],
    "verify_delays": [0.2, 0.6, 1.0, 1.5],
    "backoff": [0.2, 0.5, 1.0],
    "throttle_wait": 0.5,
    "max_attempts": 30,
    "rate": "500/second",
    "read_rate": "300/second",
}
"""Policy of all accounts: shaped like the real one, but a minute is a second here."""
FASTER = 10
"""How many times faster the simulated providers are than the real ones: 20 s and 30 s
become 2 s and 3 s."""
LONGEST_DOUBT = 3.0
"""Seconds after which every simulated provider has acted, if it acts at all."""
LONGEST_QUEUE = 4.0
"""Maximum seconds for which a cancel waits in notpanel's queue."""

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    # Without a rate limit an order can be claimed as it is inserted into the ledger.
    "iletimerkezi": {"key": "chaos-key", "hash": "chaos-hash", "rate": "none"},
    "dukkango": {
        "app_secret_key": "chaos-app",
        "rest_secret_key": "chaos-restaurant",
        "read_rate": "1/second",
    },
    "akinon": {"username": "chaos", "password": "chaos-password"},
    "ithink": {"access_token": "chaos-token", "secret_key": "chaos-secret"},
    "notpanel": {"key": "chaos-panel-key", "rate": "none"},
}


def accounts_file(base_url: Callable[[str], str], patience: float) -> str:
    """The text of the accounts file.

    ``base_url`` gives the address of a provider by name. After ``patience`` seconds
    workers stop asking a provider that does not tell what happened to an order.
    """
    waits = {"verify_for": patience, "poll_for": patience}
    tables = []
    for name, own in ACCOUNTS.items():
        address = {"base_url": base_url(name)}
        values = {**address, **QUICK, **_doubts(name), **waits, **own}
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        tables.append("\n".join([f"[{name}.default]", *lines]))
    return "\n\n".join(tables) + "\n"


def _doubts(name: str) -> dict[str, float]:
    """The waits of the provider's own policy after lost answers, made faster.

    A wait that is too short in the provider's policy is too short here, too.
    """
    policy = BY_NAME[name].policy
    trusted = policy.active_trusted_after.total_seconds() / FASTER
    queued = policy.queued_for.total_seconds()
    return {
        "active_trusted_after": min(trusted, LONGEST_DOUBT),
        "queued_for": min(queued, LONGEST_QUEUE),
    }
