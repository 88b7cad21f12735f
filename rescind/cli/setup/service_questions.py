"""Questions about Redis, the ledger, the HTTP API's tokens and webhooks."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from rescind.cli.setup.given_options import Given
from rescind.cli.setup.questions import Asker, Fault
from rescind.config.access_tokens import access
from rescind.config.ledger_url import opened
from rescind.config.settings import Settings, SettingsError
from rescind.errors.reported import CommandError
from rescind.ledger.seal import new_key

TOKENS = "backend:submit+read,operator:submit+read+operate"
SECRET_BYTES = 32
"""The length of a webhook secret; the specification asks for 24 to 64."""
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
    redis = _url(ask, REDIS, given.redis_url)
    if redis:
        yield REDIS.variable, redis
    ledger = _url(ask, LEDGER, given.database_url)
    if ledger:
        yield LEDGER.variable, ledger
        # With a database URL, settings no longer read the embedded ledger's key.
        if not os.environ.get("RESCIND_SEAL_KEY"):
            yield "RESCIND_SEAL_KEY", new_key()


def _url(ask: Asker, service: Service, given: str | None) -> str:
    """The service's URL; empty if the embedded one is used, or a variable names one."""
    if given is None and os.environ.get(service.variable):
        return ""
    if given is None:
        choices = (service.embedded, service.own)
        chosen = ask.choice(
            service.question,
            choices,
            option=service.option,
            default=service.embedded,
            form=str.lower,
        )
        if chosen == service.embedded:
            return ""
    question = f"{service.variable} (not shown; empty: {service.embedded})"
    return ask.text(
        question,
        option=service.variable,
        given=given,
        hidden=True,
        may_be_empty=True,
        fault=service.fault,
    )


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


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is either embedded or the user's own, which a URL names."""

    question: str
    embedded: str
    own: str
    option: str
    variable: str
    fault: Fault


REDIS = Service(
    "Redis: embedded, or your own",
    embedded="embedded",
    own="own",
    option="--redis",
    variable="RESCIND_REDIS_URL",
    fault=redis_fault,
)
LEDGER = Service(
    "Database of the ledger: embedded SQLite, or your own PostgreSQL",
    embedded="sqlite",
    own="postgresql",
    option="--postgresql",
    variable="RESCIND_DATABASE_URL",
    fault=database_fault,
)


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
        "Hosts that webhooks may be sent to, separated by commas (empty: no webhooks)",
        option="--webhook-hosts",
        given=given.webhook_hosts,
        may_be_empty=True,
        fault=_hosts_fault,
    )


def _hosts_fault(hosts: str) -> str | None:
    try:
        _ = Settings(webhook_hosts=hosts).callbacks
    except SettingsError as error:
        return str(error)
    return None if hosts.strip(" ,") else "at least one host must be named"
