"""Every provider there is. A sixth one is one line here."""

from __future__ import annotations

from typing import Any

from providers.akinon import Akinon
from providers.base import Provider
from providers.dukkango import Dukkango
from providers.iletimerkezi import IletiMerkezi
from providers.ithink import IThink
from providers.model import InvalidRequestError
from providers.notpanel import NotPanel

PROVIDERS: tuple[Provider[Any], ...] = (
    IletiMerkezi(),
    Dukkango(),
    Akinon(),
    IThink(),
    NotPanel(),
)
BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: object) -> Provider[Any]:
    """The provider of that name, or ``InvalidRequestError`` that lists them."""
    if isinstance(name, str) and name in BY_NAME:
        return BY_NAME[name]
    known = ", ".join(BY_NAME)
    raise InvalidRequestError(f"provider must be one of {known}")
