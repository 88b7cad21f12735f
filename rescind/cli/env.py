"""``rescind env``: prints the settings in force, for other programs."""

from __future__ import annotations

import shlex

import typer

from rescind.cli import output
from rescind.config.home import absolute
from rescind.config.settings import Settings, SettingsError, settings
from rescind.errors import messages
from rescind.errors.exit_statuses import UNREACHABLE
from rescind.errors.reported import CommandError


def show_environment() -> None:
    chosen = settings()
    if not chosen.home.exists() and chosen.embedded_redis:
        # Nothing was started here: reading the seal key would create the folder.
        raise CommandError(
            f"nothing runs here: {chosen.home.resolve()} does not exist. Did you mean"
            " another folder? Else `rescind up` starts everything",
            UNREACHABLE,
            problem="redis-unknown",
        )
    for name, value in _fixed(chosen).items():
        output.emit(f"{name}={shlex.quote(value)}")
    try:
        output.emit(f"RESCIND_REDIS_URL={shlex.quote(chosen.redis)}")
    except SettingsError as error:
        messages.say(str(error), error.problem)
        raise typer.Exit(error.status) from None


def _fixed(chosen: Settings) -> dict[str, str]:
    found = {
        "RESCIND_HOME": str(chosen.home.resolve()),
        "RESCIND_ACCOUNTS": str(chosen.accounts.resolve()),
        "RESCIND_DATABASE_URL": chosen.database,
        "RESCIND_DATABASE_REPLICA_URL": chosen.replica or "",
        # If the ledger's URL is set, settings ignore the embedded ledger's key.
        "RESCIND_SEAL_KEY": chosen.seal_keys(),
        "RESCIND_LOG_FORMAT": chosen.log_format,
        "RESCIND_RETENTION": chosen.retention or "",
        "RESCIND_REFUSED_RETENTION": chosen.refused_retention,
        "RESCIND_SCHEDULES": str(chosen.schedules.resolve()),
        "RESCIND_PLANS": str(chosen.plans.resolve()),
        "RESCIND_API_TOKENS_FILE": absolute(chosen.api_tokens_file),
        "RESCIND_API_HOST": chosen.api_host,
        "RESCIND_API_PORT": str(chosen.api_port),
        "RESCIND_API_RATE": chosen.api_rate,
        "RESCIND_API_ENTRY_RATE": chosen.api_entry_rate,
        "RESCIND_PUBLIC_URL": chosen.public_url or "",
        "RESCIND_OIDC_ISSUER": chosen.oidc_issuer or "",
        "RESCIND_OIDC_CLIENT_ID": chosen.oidc_client_id or "",
        "RESCIND_OIDC_CLAIM": chosen.oidc_claim,
        "RESCIND_OIDC_ROLES": chosen.oidc_roles or "",
        "RESCIND_WEBHOOK_HOSTS": chosen.webhook_hosts or "",
        "RESCIND_WEBHOOK_PRIVATE": "true" if chosen.webhook_private else "",
    }
    if chosen.api_tokens is not None:
        found["RESCIND_API_TOKENS"] = chosen.api_tokens.get_secret_value()
    if chosen.webhook_secret is not None:
        found["RESCIND_WEBHOOK_SECRET"] = chosen.webhook_secret.get_secret_value()
    if chosen.oidc_client_secret is not None:
        secret = chosen.oidc_client_secret.get_secret_value()
        found["RESCIND_OIDC_CLIENT_SECRET"] = secret
    return {name: value for name, value in found.items() if value}
