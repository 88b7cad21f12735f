"""All providers. A new provider is one more line here."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from providers.akinon import Akinon
from providers.dukkango import Dukkango
from providers.iletimerkezi import IletiMerkezi
from providers.ithink import IThink
from providers.notpanel import NotPanel
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

PROVIDERS: tuple[Provider[Any], ...] = (
    IletiMerkezi(),
    Dukkango(),
    Akinon(),
    IThink(),
    NotPanel(),
)
LEAST_DOUBT = timedelta(seconds=30)
"""How long a call whose answer was lost may still take effect, unless a source says
otherwise. A reading that is believed sooner may contradict the later result."""


LONGEST = 40
"""Characters of a name that is compared with the known ones."""


def check_policy(provider: Provider[Any]) -> None:
    """Raises ``ValueError`` for a policy that could make our statements untrue."""
    if provider.policy.active_trusted_after < LEAST_DOUBT:
        raise ValueError(
            f"{provider.name}: active_trusted_after must be at least"
            f" {LEAST_DOUBT.total_seconds():.0f} s, because a call whose answer was"
            " lost may still take effect"
        )


for _provider in PROVIDERS:
    check_policy(_provider)
BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: object) -> Provider[Any]:
    """The provider of that name, or ``InvalidRequestError`` that lists them."""
    if isinstance(name, str) and name in BY_NAME:
        return BY_NAME[name]
    known = ", ".join(BY_NAME)
    says = f"provider must be one of {known}"
    written = name.lower() if isinstance(name, str) and len(name) <= LONGEST else ""
    if near := get_close_matches(written, BY_NAME, 1):
        says += f": did you mean {near[0]}?"
    raise InvalidRequestError(says, RefusalCode.UNKNOWN_PROVIDER, "/provider")
