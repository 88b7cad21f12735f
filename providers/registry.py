"""All providers: ours, and those of installed packages.

A provider of ours is one more line here. A package adds one by an entry point in the
group ``rescind.providers``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from providers.akinon import Akinon
from providers.dukkango import Dukkango
from providers.iletimerkezi import IletiMerkezi
from providers.ithink import IThink
from providers.notpanel import NotPanel
from rescind.provider.discovery import discover, installed
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import policy_fault
from rescind.provider.refusal_codes import RefusalCode

OURS: tuple[Provider[Any], ...] = (
    IletiMerkezi(),
    Dukkango(),
    Akinon(),
    IThink(),
    NotPanel(),
)
"""The providers that Rescind itself brings."""
LONGEST = 40
"""Characters of a name that is compared with the known ones."""


def check_policy(provider: Provider[Any]) -> None:
    """Raises ``ValueError`` for a policy that could make our statements untrue."""
    if why := policy_fault(provider.policy):
        raise ValueError(f"{provider.name} {why}")


for _provider in OURS:
    check_policy(_provider)
_found = discover(installed(), {provider.name for provider in OURS})
PROVIDERS: tuple[Provider[Any], ...] = (*OURS, *_found.providers)
"""Every provider that can be used."""
BY_NAME = {provider.name: provider for provider in PROVIDERS}
PACKAGES = _found.packages
"""The package of each provider that is not ours, by the provider's name."""
BROKEN = _found.broken
"""The providers of installed packages that cannot be used, by name."""


def why_unknown(name: str) -> str:
    """Why there is no provider of that name, as a sentence."""
    if name in BROKEN:
        return BROKEN[name].why
    known = ", ".join(BY_NAME)
    return (
        f"no provider {name[:LONGEST]} is installed: install the package that adds it;"
        f" the providers are {known}"
    )


def provider_named(name: object) -> Provider[Any]:
    """The provider of that name, or ``InvalidRequestError`` that lists them."""
    if isinstance(name, str) and name in BY_NAME:
        return BY_NAME[name]
    raise InvalidRequestError(_says(name), RefusalCode.UNKNOWN_PROVIDER, "/provider")


def _says(name: object) -> str:
    if isinstance(name, str) and name in BROKEN:
        return f"provider cannot be used: {BROKEN[name].why}"
    says = f"provider must be one of {', '.join(BY_NAME)}"
    written = name.lower() if isinstance(name, str) and len(name) <= LONGEST else ""
    near = get_close_matches(written, BY_NAME, 1)
    return f"{says}: did you mean {near[0]}?" if near else says
