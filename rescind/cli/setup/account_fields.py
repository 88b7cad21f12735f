"""The credentials that an account needs, derived from the provider's account model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from rescind.provider.interface import Provider
from rescind.provider.validation_errors import explain

PLACEHOLDER = "placeholder"
NOWHERE = "https://placeholder.example"
Way = tuple[str, ...]
"""Credentials that together are enough to log in."""


def ways_in(provider: Provider[Any]) -> list[Way]:
    """Each minimal set of credentials that the provider's account model accepts."""
    fields = provider.account_model.model_fields
    needed = [n for n, f in fields.items() if f.is_required() and n != "base_url"]
    others = [n for n, f in fields.items() if not f.is_required() and f.default is None]
    found: list[Way] = []
    for size in range(len(others) + 1):
        for more in combinations(others, size):
            way = (*needed, *more)
            known = any(set(one) <= set(way) for one in found)
            if not known and fault(provider, dict.fromkeys(way, PLACEHOLDER)) is None:
                found.append(way)
    return found


def needs_base_url(provider: Provider[Any]) -> bool:
    return provider.account_model.model_fields["base_url"].is_required()


def is_secret(provider: Provider[Any], name: str) -> bool:
    """Whether the terminal must not show this value while the user types it."""
    kind = provider.account_model.model_fields[name].annotation
    return kind is SecretStr or SecretStr in get_args(kind)


def fault(provider: Provider[Any], values: Mapping[str, str]) -> str | None:
    """The fault of these settings of an account; ``None`` if they are valid."""
    base = {"base_url": NOWHERE} if needs_base_url(provider) else {}
    try:
        provider.account_model.model_validate({**base, **values})
    except ValidationError as error:
        return explain(error)
    return None


def fault_of_one(
    provider: Provider[Any], way: Way, name: str, value: str
) -> str | None:
    """The fault of one answer, independent of the other answers."""
    return fault(provider, {**dict.fromkeys(way, PLACEHOLDER), name: value})


def variable(provider: str, account: str, name: str) -> str:
    """The name of the variable for a credential, such as ``NOTPANEL_KEY``."""
    parts = [provider, name] if account == "default" else [provider, account, name]
    return re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII).upper()
