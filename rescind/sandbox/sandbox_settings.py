"""The sandbox's settings, from the command line and changeable while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rescind.sandbox.installed_simulations import provider_names

PROVIDERS = provider_names()
PLAIN = {
    "settle": float,
    "lag": float,
    "slow_seconds": float,
    "refuse_seconds": float,
    "cooldown": float,
    "token_seconds": float,
    "cancellable": float,
    "notpanel_limit": int,
    "auto": bool,
    "echo": bool,
}
"""The settings that are a single value, with their types."""


@dataclass(slots=True)
class Settings:
    seed: int = 1
    settle: float = 1.5
    """Seconds until a queued cancel takes effect."""
    lag: float = 1.0
    """Seconds by which iThink's tracking lags behind a cancel."""
    slow_seconds: float = 3.0
    refuse_seconds: float = 0.15
    cooldown: float = 30.0
    """Seconds that a Dükkango token must wait between two get-current calls."""
    token_seconds: float = 86400.0
    cancellable: float = 0.88
    """The share of the orders of auto mode that can be cancelled."""
    notpanel_limit: int = 100
    """Calls a minute for each notpanel key; 0 for no limit."""
    auto: bool = True
    """An unknown order is created at its first call; otherwise it is missing."""
    echo: bool = False
    """Errors quote the request, with its credentials, as some gateways do."""
    token_prefix: str = ""
    """The beginning of each token that a login issues."""
    latency_ms: dict[str, float] = field(default_factory=dict)
    hang: frozenset[str] = frozenset()

    def change(self, values: Mapping[str, Any]) -> None:
        """Apply settings by name; ``ValueError`` if one is wrong, then none applies."""
        checked = {name: _checked(name, value) for name, value in values.items()}
        for name, value in checked.items():
            if name == "latency_ms":
                self.latency_ms = {**self.latency_ms, **value}
            else:
                setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in PLAIN}
        return {
            "seed": self.seed,
            **plain,
            "token_prefix": self.token_prefix,
            "latency_ms": self.latency_ms,
            "hang": sorted(self.hang),
        }


def known_provider(name: object) -> str:
    """The provider's name; raises ``ValueError`` if it is not simulated."""
    if name not in PROVIDERS:
        raise ValueError(f"no such provider: {name!r}")
    return str(name)


def number(name: str, value: object) -> float:
    """The value, if it is a number of at least 0; else raises ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} must be a number, not negative")
    return value


def _checked(name: str, value: object) -> Any:
    if name == "latency_ms":
        by_provider = (
            value if isinstance(value, dict) else dict.fromkeys(PROVIDERS, value)
        )
        return {known_provider(p): number(name, v) for p, v in by_provider.items()}
    if name == "hang":
        if not isinstance(value, list):
            raise ValueError("hang must be a list of providers")
        return frozenset(map(known_provider, value))
    if name == "token_prefix":
        if not isinstance(value, str):
            raise ValueError("token_prefix must be a text")
        return value
    if name not in PLAIN:
        raise ValueError(f"no such setting: {name!r}")
    if PLAIN[name] is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false")
        return value
    return PLAIN[name](number(name, value))
