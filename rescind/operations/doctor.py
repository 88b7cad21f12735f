"""``rescind doctor``: checks everything, without a side effect at any provider."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from redis import Redis

from providers.registry import BROKEN, PACKAGES
from rescind.config.accounts import Accounts, load_accounts, readable_by_others
from rescind.config.home import absolute
from rescind.config.ledger_url import opened
from rescind.config.settings import Settings, SettingsError, settings, without_password
from rescind.config.times import utc_now
from rescind.engine.provider_tokens import Tokens
from rescind.ledger.seal import Seal, SealError
from rescind.operations.absent_files import (
    absent_settings,
    key_is_missing,
    ledger_file,
)
from rescind.operations.access_checks import access_check
from rescind.operations.credential_checks import (
    Lacking,
    LoginMeans,
    credential_checks,
)
from rescind.operations.findings import Check, Level, status
from rescind.operations.ledger_checks import ledger_checks
from rescind.operations.next_step import Step, next_step, standing_of
from rescind.operations.redis_service import redis_service_checks
from rescind.operations.replica_check import replica_checks
from rescind.operations.retention_check import retention_checks
from rescind.operations.schedule_checks import schedule_checks
from rescind.operations.template_checks import template_checks
from rescind.operations.webhook_checks import webhook_checks
from rescind.operations.worker_checks import Ask, worker_checks

__all__ = ["Check", "Level", "examine", "status"]

DEFAULT = "the default"
NAMES = tuple(f"RESCIND_{name.upper()}" for name in Settings.model_fields)


def examine(ask: Ask) -> Iterator[Check | Step]:
    """Yields every check as it is made, and then the next step.

    Raises only ``SettingsError``.
    """
    found: list[Check] = []
    for check in _checks(ask):
        found.append(check)
        yield check
    yield _next(settings(), found)


def _next(chosen: Settings, found: Sequence[Check]) -> Step:
    standing = None
    if any(one.what == "ledger" and one.level is Level.OK for one in found):
        engine = opened(chosen.database)
        standing = standing_of(engine)
        engine.dispose()
    return next_step(found, standing)


def _checks(ask: Ask) -> Iterator[Check]:
    chosen = settings()
    yield from _settings(chosen)
    yield access_check(chosen)
    seal, sealing = _seal(chosen)
    yield sealing
    yield from webhook_checks(chosen)
    redis: Redis | None = None
    without: str | None = None
    for check, client in redis_service_checks(chosen):
        redis = redis or client
        if client is None or check.level is Level.UNREACHABLE:
            redis, without = None, check.problem
        yield check
    if redis is not None:
        yield from worker_checks(redis, ask)
    yield from _ledger(chosen, seal)
    yield from _providers()
    accounts = load_accounts(chosen.accounts)
    yield from _accounts(accounts, chosen.accounts)
    yield from schedule_checks(chosen.schedules)
    yield from template_checks(chosen.plans, accounts, chosen.callbacks)
    yield from credential_checks(accounts, _tokens(redis, seal, without))


def _tokens(redis: Redis | None, seal: Seal | None, problem: str | None) -> LoginMeans:
    """What logins need; ``problem`` says why there is no Redis."""
    if redis is not None and seal is not None:
        return Tokens(redis, seal)
    if redis is not None:
        return Lacking("a seal key", "seal-key")
    what = "Redis" if seal is not None else "Redis and a seal key"
    return Lacking(what, problem or "redis-unreachable")


# --- settings ---------------------------------------------------------------------


def _settings(chosen: Settings) -> Iterator[Check]:
    origins, absent = _origins(), absent_settings(chosen)
    for name, (value, otherwise) in _in_force(chosen).items():
        origin = origins.get(name, otherwise)
        missing = name in absent
        level = Level.ABSENT if missing else Level.OK
        rest = f": {absent[name]}" if missing else ""
        yield Check(name, level, f"{value} (from {origin}){rest}")
    for name in sorted(origins.keys() - set(NAMES)):
        near = get_close_matches(name, NAMES, 1, cutoff=0.8)
        if near:
            says = f"there is no such setting: did you mean {near[0]}?"
            yield Check(name, Level.WARNING, says, "setting-unknown")


def _origins() -> dict[str, str]:
    """The origin of each RESCIND_ variable; the environment overrides ``.env``."""
    written = {name.upper() for name, value in dotenv_values(".env").items() if value}
    found = dict.fromkeys(written, ".env")
    found |= {name.upper(): "the environment" for name, v in os.environ.items() if v}
    return {name: o for name, o in found.items() if name.startswith("RESCIND_")}


def _in_force(chosen: Settings) -> dict[str, tuple[str, str]]:
    """Each setting with its secrets masked, and the origin of its default."""
    try:
        redis = without_password(chosen.redis)
    except SettingsError as error:
        redis = "none is known" if error.problem == "redis-unknown" else "***"
    tokens = chosen.api_tokens.get_secret_value() if chosen.api_tokens else ""
    return {
        "RESCIND_HOME": (str(chosen.home.resolve()), DEFAULT),
        "RESCIND_REDIS_URL": (redis, "`rescind up` in this folder"),
        "RESCIND_DATABASE_URL": (
            without_password(chosen.database),
            f"{DEFAULT}: SQLite in RESCIND_HOME",
        ),
        "RESCIND_DATABASE_REPLICA_URL": (
            without_password(chosen.replica) if chosen.replica else "none",
            DEFAULT,
        ),
        "RESCIND_ACCOUNTS": (str(chosen.accounts.resolve()), DEFAULT),
        "RESCIND_API_TOKENS": (
            "***" if tokens else "none: `rescind up` makes one",
            DEFAULT,
        ),
        "RESCIND_API_TOKENS_FILE": (
            absolute(chosen.api_tokens_file) or "none",
            DEFAULT,
        ),
        "RESCIND_API_HOST": (chosen.api_host, DEFAULT),
        "RESCIND_API_PORT": (str(chosen.api_port), DEFAULT),
        "RESCIND_API_RATE": (chosen.api_rate, DEFAULT),
        "RESCIND_API_ENTRY_RATE": (chosen.api_entry_rate, DEFAULT),
        "RESCIND_PUBLIC_URL": (chosen.public_url or "none", DEFAULT),
        "RESCIND_OIDC_ISSUER": (
            chosen.oidc_issuer or "none: the dashboard takes tokens only",
            DEFAULT,
        ),
        "RESCIND_OIDC_CLIENT_ID": (chosen.oidc_client_id or "none", DEFAULT),
        "RESCIND_OIDC_CLIENT_SECRET": (
            "***" if chosen.oidc_client_secret else "none",
            DEFAULT,
        ),
        "RESCIND_OIDC_CLAIM": (chosen.oidc_claim, DEFAULT),
        "RESCIND_OIDC_ROLES": (chosen.oidc_roles or "none", DEFAULT),
        "RESCIND_LOG_FORMAT": (chosen.log_format, DEFAULT),
        "RESCIND_WEBHOOK_SECRET": (
            "***" if chosen.webhook_secrets else "none: no callback_url is accepted",
            DEFAULT,
        ),
        "RESCIND_WEBHOOK_HOSTS": (
            chosen.webhook_hosts or "none: no callback_url is accepted",
            DEFAULT,
        ),
        "RESCIND_WEBHOOK_PRIVATE": (str(chosen.webhook_private).lower(), DEFAULT),
        "RESCIND_RETENTION": (chosen.retention or "none: all is kept", DEFAULT),
        "RESCIND_REFUSED_RETENTION": (chosen.refused_retention, DEFAULT),
        "RESCIND_SCHEDULES": (str(chosen.schedules.resolve()), DEFAULT),
        "RESCIND_PLANS": (str(chosen.plans.resolve()), DEFAULT),
        "RESCIND_SEAL_KEY": ("***", "RESCIND_HOME, where it was made"),
    }


def _seal(chosen: Settings) -> tuple[Seal | None, Check]:
    if key_is_missing(chosen):
        says = "there is none yet: `rescind up` or the first submission makes it"
        return None, Check("seal key", Level.ABSENT, says)
    try:
        return chosen.seal(), Check("seal key", Level.OK, "it is valid")
    except SealError as error:
        return None, Check("seal key", Level.WRONG, str(error), "seal-key")


# --- services ---------------------------------------------------------------------


def _ledger(chosen: Settings, seal: Seal | None) -> Iterator[Check]:
    file = ledger_file(chosen)
    can_be_made = chosen.embedded_database or (file and file.parent.is_dir())
    if file is not None and not file.exists() and can_be_made:
        says = f"{file} does not exist yet: `rescind up` or `rescind migrate` makes it"
        yield Check("ledger", Level.WARNING, says, "ledger-missing")
        return
    try:
        engine = opened(chosen.database)
    except SettingsError as error:
        yield Check("ledger", Level.WRONG, str(error), error.problem)
    else:
        yield from ledger_checks(engine, seal)
        yield from replica_checks(chosen, engine)
        with suppress(SettingsError):  # another check says what is wrong
            yield from retention_checks(engine, chosen.keep_for, utc_now())


def _providers() -> Iterator[Check]:
    added = (f"{name} ({package})" for name, package in sorted(PACKAGES.items()))
    if says := ", ".join(added):
        yield Check("packages", Level.OK, f"they add {says}")
    for broken in BROKEN.values():
        says = f"{broken.why}; until then its lanes are held"
        yield Check("providers", Level.WRONG, says, "provider-broken")


def _accounts(accounts: Accounts, path: Path) -> Iterator[Check]:
    if accounts.fault is not None:
        says = f"{accounts.fault}; until then every lane is held"
        yield Check("accounts", Level.WRONG, says, accounts.problem)
    elif not accounts.lanes:
        says = "the accounts file names no account: `rescind init --add` adds one"
        yield Check("accounts", Level.WRONG, says, "accounts-missing")
    for warning in accounts.warnings:
        readable = warning in readable_by_others(path)
        slug = "accounts-readable" if readable else "account-wrong"
        yield Check("accounts", Level.WARNING, warning, slug)
