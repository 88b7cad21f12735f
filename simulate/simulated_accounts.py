"""The accounts of a world: one of each provider, with the provider's real policy; and
the seal of a world's ledger."""

from __future__ import annotations

from functools import cache

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.ledger.seal import Seal, new_key

HOST = "http://127.0.0.1"
SECRETS = {
    "iletimerkezi": ("key", "hash"),
    "dukkango": ("app_secret_key", "rest_secret_key"),
    "akinon": ("username", "password"),
    "ithink": ("access_token", "secret_key"),
    "notpanel": ("key",),
}


@cache
def accounts() -> Accounts:
    """All accounts. They have no rates: Redis counts those, and it is not simulated."""
    lanes: dict[Lane, LaneConfig] = {}
    for name, fields in SECRETS.items():
        provider = BY_NAME[name]
        values = {field: f"simulated-{field}" for field in fields}
        address = {"base_url": f"{HOST}/{name}"}
        account = provider.account_model.model_validate({**address, **values})
        policy = provider.policy.overridden({"rate": "none", "read_rate": "none"})
        lanes[name, "default"] = LaneConfig(provider, policy, account)
    return Accounts(lanes)


@cache
def seal() -> Seal:
    return Seal(new_key())
