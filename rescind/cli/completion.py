"""Shell completion. It must be quick, and prints no errors."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

KEEP = ("env", "file", "here")
"""The places where `rescind init` can keep a credential."""


def keep_places(incomplete: str) -> list[str]:
    return _beginning(KEEP, incomplete)


def provider_names(incomplete: str) -> list[str]:
    from providers.registry import BY_NAME

    return _beginning(BY_NAME, incomplete)


def lane_names(incomplete: str) -> list[str]:
    lanes = (f"{provider}/{account}" for provider, account in _lanes())
    return _beginning(lanes, incomplete)


def account_names(context: typer.Context, incomplete: str) -> list[str]:
    """The accounts of the provider on the command line, or of all providers."""
    lanes = _lanes()
    # Click has not parsed the arguments yet: they are in ``args``, options are not.
    said = {context.params.get("provider"), *context.args}
    named = said & {provider for provider, _ in lanes}
    found = [account for provider, account in lanes if not named or provider in named]
    return _beginning(dict.fromkeys(found), incomplete)


def plan_names(incomplete: str) -> list[str]:
    """The plans in the plans file, which is neither checked nor reported on."""
    return _beginning(_document("RESCIND_PLANS", "plans.toml"), incomplete)


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _lanes() -> list[tuple[str, str]]:
    """The lanes in the accounts file, which is neither checked nor reported on."""
    document = _document("RESCIND_ACCOUNTS", "accounts.toml")
    return [
        (provider, account)
        for provider, accounts in document.items()
        if isinstance(accounts, dict)
        for account in accounts
    ]


def _document(name: str, usual: str) -> dict[str, Any]:
    """The content of the file that the setting ``name`` names."""
    # Loading settings or accounts imports pydantic, which is too slow for completion.
    try:
        return tomllib.loads(_file(name, usual).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _file(name: str, usual: str) -> Path:
    from dotenv import dotenv_values

    return Path(os.environ.get(name) or dotenv_values(".env").get(name) or usual)
