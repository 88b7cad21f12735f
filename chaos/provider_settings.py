"""What the simulated providers of a run are set to, and the accounts at them."""

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
    # Longer than from a lost answer to the first look at its order: one that takes an
    # active order for untouched then sends it again.
    "slow_seconds": 2.4,
    "refuse_seconds": 0.1,
    "cooldown": 1.0,
    "notpanel_limit": 0,
    # Most can be cancelled: of those that cannot, Dükkango says too little after a
    # lost answer for anybody to know.
    "cancellable": 0.94,
}

QUICK: Mapping[str, Any] = {
    "connect_timeout": 0.6,
    # Less than a slow answer takes: those are lost answers.
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
"""Policy for all accounts: the real shape, for a provider whose minute is a second."""
FASTER = 10
"""So many times faster than the real ones are the simulated providers: 20 s and 30 s
become 2 s and 3 s."""
LONGEST_DOUBT = 3.0
"""Seconds after which any of them has acted, if it acts at all."""
LONGEST_QUEUE = 4.0
"""Seconds for which a cancel waits at notpanel, at most."""

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    # Without a rate an order can come into the ledger as it is about to be sent.
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
    """The text of the file. ``base_url`` says where each provider is; after
    ``patience`` seconds what one does not tell is given up."""
    waits = {"verify_for": patience, "poll_for": patience}
    tables = []
    for name, own in ACCOUNTS.items():
        address = {"base_url": base_url(name)}
        values = {**address, **QUICK, **_doubts(name), **waits, **own}
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        tables.append("\n".join([f"[{name}.default]", *lines]))
    return "\n\n".join(tables) + "\n"


def _doubts(name: str) -> dict[str, float]:
    """What the provider's own policy says of calls whose answers were lost, as fast as
    everything is here. One that says too little says too little here, too."""
    policy = BY_NAME[name].policy
    trusted = policy.active_trusted_after.total_seconds() / FASTER
    queued = policy.queued_for.total_seconds()
    return {
        "active_trusted_after": min(trusted, LONGEST_DOUBT),
        "queued_for": min(queued, LONGEST_QUEUE),
    }
