"""The credentials that an account needs, derived from the provider's account model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from rescind.provider.interface import Provider
from rescind.provider.validation_errors import explain_errors

PLACEHOLDER = "placeholder"
"""Stands for a credential that is not known yet. It is never checked as a value."""
NOWHERE = "https://placeholder.example"
Way = tuple[str, ...]
"""Credentials that together are enough to log in."""


def provider_name(written: str) -> str:
    """The registered form of a provider's name: NotPanel, Dükkango, İletiMerkezi."""
    # Unicode does not decompose the Turkish dotless i.
    small = written.strip().casefold().replace("ı", "i")
    plain = unicodedata.normalize("NFKD", small)
    return plain.encode("ascii", "ignore").decode()


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
            if not known and _together(provider, _placeholders(provider, way)) is None:
                found.append(way)
    return found


def needs_base_url(provider: Provider[Any]) -> bool:
    return provider.account_model.model_fields["base_url"].is_required()


def is_secret(provider: Provider[Any], name: str) -> bool:
    """Whether the terminal must not show this value while the user types it."""
    kind = provider.account_model.model_fields[name].annotation
    return kind is SecretStr or SecretStr in get_args(kind)


def fault_of_one(
    provider: Provider[Any], way: Way, name: str, value: str
) -> str | None:
    """The fault of one answer, independent of the other answers."""
    others = {**_placeholders(provider, way), **_base(provider)}
    others.pop(name, None)
    try:
        provider.account_model.model_validate({**others, name: value})
    except ValidationError as error:
        ours = [one for one in error.errors() if not set(one["loc"][:1]) & set(others)]
        if ours:
            return explain_errors(ours)
    return _together(provider, {**others, name: _typed(provider, name, value)})


def _together(provider: Provider[Any], values: Mapping[str, Any]) -> str | None:
    """The fault of the values as a set; the form of each value is not checked."""
    model = provider.account_model
    decorators = model.__pydantic_decorators__.model_validators.values()
    try:
        settings: dict[str, Any] = {**_base(provider), **values}
        account = model.model_construct(**settings)
        for one in decorators:
            if one.info.mode == "after":
                one.func(account)
    except ValueError as error:
        return str(error)
    return None


def _placeholders(provider: Provider[Any], names: Iterable[str]) -> dict[str, object]:
    return {name: _typed(provider, name, PLACEHOLDER) for name in names}


def _typed(provider: Provider[Any], name: str, value: str) -> object:
    return SecretStr(value) if is_secret(provider, name) else value


def _base(provider: Provider[Any]) -> dict[str, object]:
    return {"base_url": NOWHERE} if needs_base_url(provider) else {}


def variable(provider: str, account: str, name: str) -> str:
    """The name of the variable for a credential, such as ``NOTPANEL_KEY``."""
    parts = [provider, name] if account == "default" else [provider, account, name]
    return re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII).upper()
