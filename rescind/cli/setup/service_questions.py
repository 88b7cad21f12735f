"""Questions about Redis, the ledger, the HTTP API's tokens and webhooks."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator, Mapping

from pydantic import SecretStr

from rescind.cli.setup.given_options import Given
from rescind.cli.setup.questions import Asker
from rescind.config.access_tokens import access
from rescind.config.ledger_url import opened
from rescind.config.settings import Settings, SettingsError
from rescind.errors.reported import CommandError
from rescind.ledger.seal import new_key

TOKENS = "backend:submit+read,operator:submit+read+operate"
SECRET_BYTES = 32
"""The length of a webhook secret; the specification asks for 24 to 64."""
OWN = ("embedded", "own")
Made = tuple[str, str]
"""A variable's name and its value."""


def ask_for_services(ask: Asker, given: Given) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of ``.env``; and the new secrets that the user passes on."""
    settings = dict(_where_it_runs(ask, given))
    tokens = _tokens(ask, given)
    if tokens:
        written = [f"{spec}:{secret}" for spec, secret in tokens.items()]
        settings["RESCIND_API_TOKENS"] = ",".join(written)
    shown = {f"token of {spec.partition(':')[0]}": t for spec, t in tokens.items()}
    hosts = _webhook_hosts(ask, given)
    if hosts:
        secret = webhook_secret()
        settings |= {"RESCIND_WEBHOOK_HOSTS": hosts, "RESCIND_WEBHOOK_SECRET": secret}
        shown["webhook secret"] = secret
    return settings, shown


def webhook_secret() -> str:
    """A new secret, in the form of Standard Webhooks."""
    made = secrets.token_bytes(SECRET_BYTES)
    return f"whsec_{base64.b64encode(made).decode()}"


def _where_it_runs(ask: Asker, given: Given) -> Iterator[Made]:
    redis = _url(ask, "RESCIND_REDIS_URL", "Redis", given.redis_url)
    if redis:
        yield "RESCIND_REDIS_URL", redis
    name = "RESCIND_DATABASE_URL"
    ledger = _url(ask, name, "PostgreSQL", given.database_url)
    if ledger:
        yield name, ledger
        # With a database URL, settings no longer read the embedded ledger's key.
        if not os.environ.get("RESCIND_SEAL_KEY"):
            yield "RESCIND_SEAL_KEY", new_key()


def _url(ask: Asker, name: str, what: str, given: str | None) -> str:
    if given is None and os.environ.get(name):
        return ""
    if given is None:
        own = ask.choice(what, OWN, option=f"--{what.lower()}", default="embedded")
        if own == "embedded":
            return ""
    question = f"{name} (not shown: it may hold a password)"
    return ask.text(question, option=name, given=given, hidden=True, fault=FAULTS[name])


def redis_fault(url: str) -> str | None:
    """The fault of a Redis URL; ``None`` if it is valid."""
    try:
        _ = Settings(redis_url=SecretStr(url)).redis
    except SettingsError as error:
        return str(error)
    return None


def database_fault(url: str) -> str | None:
    """The fault of a ledger's URL; ``None`` if it is valid."""
    try:
        opened(url).dispose()
    except (SettingsError, ImportError) as error:
        return str(error)
    return None


FAULTS = {"RESCIND_REDIS_URL": redis_fault, "RESCIND_DATABASE_URL": database_fault}


def _tokens(ask: Asker, given: Given) -> Mapping[str, str]:
    """A new token for each ``name:scope+scope``."""
    specs = ",".join(given.tokens)
    if not specs:
        if not ask.confirm("Make tokens for the HTTP API?"):
            return {}
        specs = ask.text(
            "Tokens, as name:scope+scope; the scopes are submit, read and operate",
            option="--token",
            default=TOKENS,
            fault=_token_fault,
        )
    elif why := _token_fault(specs):
        raise CommandError(f"--token: {why}", problem="api-tokens")
    return {one: secrets.token_urlsafe(24) for one in _listed(specs)}


def _listed(specs: str) -> list[str]:
    return [one.strip() for one in specs.split(",") if one.strip()]


def _token_fault(specs: str) -> str | None:
    trial = [f"{one}:{secrets.token_urlsafe(24)}" for one in _listed(specs)]
    try:
        access(Settings(api_tokens=SecretStr(",".join(trial))))
    except SettingsError as error:
        return str(error)
    return None


def _webhook_hosts(ask: Asker, given: Given) -> str:
    if given.webhook_hosts is None and not ask.confirm("Send outcomes by webhooks?"):
        return ""
    return ask.text(
        "Hosts that webhooks may be sent to, separated by commas",
        option="--webhook-hosts",
        given=given.webhook_hosts,
        fault=_hosts_fault,
    )


def _hosts_fault(hosts: str) -> str | None:
    try:
        _ = Settings(webhook_hosts=hosts).callbacks
    except SettingsError as error:
        return str(error)
    return None if hosts.strip(" ,") else "at least one host must be named"
