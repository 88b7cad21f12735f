"""Every provider there is. A sixth one is one line here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from providers.akinon import Akinon
from providers.dukkango import Dukkango
from providers.iletimerkezi import IletiMerkezi
from providers.ithink import IThink
from providers.notpanel import NotPanel
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError

PROVIDERS: tuple[Provider[Any], ...] = (
    IletiMerkezi(),
    Dukkango(),
    Akinon(),
    IThink(),
    NotPanel(),
)
LEAST_DOUBT = timedelta(seconds=30)
"""A call whose answer was lost may take effect for so long, unless a source says
otherwise: a reading that is believed sooner may say the contrary of what comes."""


def check_policy(provider: Provider[Any]) -> None:
    """Raises ``ValueError`` for a policy by which what we say might become untrue."""
    if provider.policy.active_trusted_after < LEAST_DOUBT:
        raise ValueError(
            f"{provider.name}: active_trusted_after must be at least"
            f" {LEAST_DOUBT.total_seconds():.0f} s, for a call whose answer was lost"
            " may still take effect"
        )


for _provider in PROVIDERS:
    check_policy(_provider)
BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: object) -> Provider[Any]:
    """The provider of that name, or ``InvalidRequestError`` that lists them."""
    if isinstance(name, str) and name in BY_NAME:
        return BY_NAME[name]
    known = ", ".join(BY_NAME)
    raise InvalidRequestError(f"provider must be one of {known}")
