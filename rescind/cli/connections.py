"""The services that commands need, each with a sentence when it is not there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from redis import Redis, RedisError
from redis.exceptions import ResponseError
from sqlalchemy import Engine, inspect

from rescind.cli.output import say
from rescind.config.accounts import Accounts, Lane, load_accounts
from rescind.config.ledger_url import opened
from rescind.config.redis_client import client_of, kind_fault, refusal
from rescind.config.settings import Settings, SettingsError, settings, without_password
from rescind.errors.exit_statuses import UNREACHABLE, CommandError
from rescind.ledger.storage.migrate import check, upgrade
from rescind.ledger.storage.transactions import reading

PING_SECONDS = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


def redis_client(url: str) -> Redis:
    """A client that gives up soon."""
    return client_of(
        url, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )


def need_redis() -> None:
    """Make sure that Redis answers; raises ``CommandError`` where it does not."""

    chosen = settings()
    try:
        url = chosen.redis
    except SettingsError as error:
        raise CommandError(str(error), error.status, problem=error.problem) from None
    try:
        client = redis_client(url)
        client.ping()
        fault = kind_fault(client)
    except ResponseError as error:
        says = f"{without_password(url)}: {refusal(error)}"
        raise CommandError(says, UNREACHABLE, problem="redis-refuses") from None
    except (RedisError, OSError) as error:
        advice = "set RESCIND_REDIS_URL to one that runs"
        if chosen.embedded_redis:
            advice = "start it with `rescind up`"
        raise CommandError(
            f"Redis at {without_password(url)} cannot be reached: {error}; {advice}",
            UNREACHABLE,
            problem="redis-unreachable",
        ) from None
    if fault:
        raise CommandError(f"{without_password(url)}: {fault}", problem="redis-url")


def open_engine(chosen: Settings) -> Engine:
    """The ledger's engine, not yet connected."""

    if chosen.embedded_database:
        chosen.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return opened(chosen.database)


def need_ledger() -> Engine:
    """The ledger, with tables of this program's version."""
    chosen = settings()
    engine = open_engine(chosen)
    if chosen.embedded_database and _is_empty(engine):
        upgrade(engine)
    check(engine)
    return engine


def _is_empty(engine: Engine) -> bool:

    with reading(engine) as connection:
        return not inspect(connection).has_table("cancellation")


def need_accounts() -> Accounts:
    """The accounts file; what is wrong with it is said, and holds nothing up."""
    accounts = load_accounts(settings().accounts)
    if accounts.fault is not None:
        say(f"{accounts.fault}. Until then every lane is held", accounts.problem)
    for warning in accounts.warnings:
        say(warning)
    return accounts


def wake_up(lanes: Iterable[Lane], *operations: str) -> None:
    """Wake ``lanes``. What cannot be woken is found by the next sweep."""
    listed = sorted(set(lanes))
    if not listed:
        return
    # Celery takes longer to import than most commands take to run.
    from kombu.exceptions import OperationalError

    from worker.celery import make_app
    from worker.notifications import wake

    try:
        with make_app() as app:
            for operation in operations or ("cancel",):
                wake(app, listed, operation)
    except (OperationalError, RedisError, OSError) as error:
        why = f"the workers could not be woken ({error}); their next sweep sends it"
        say(why, "redis-unreachable")


def wake_webhooks() -> None:
    """Have producers told. Whoever cannot be woken finds it by the next sweep."""
    try:
        _ = settings().redis
    except SettingsError as error:
        say(f"{error}; the next sweep sends it", error.problem)
        return
    from kombu.exceptions import OperationalError

    from worker.celery import make_app
    from worker.notifications import tell_now

    try:
        with make_app() as app:
            tell_now(app)
    except (OperationalError, RedisError, OSError) as error:
        why = f"the workers could not be woken ({error}); their next sweep sends it"
        say(why, "redis-unreachable")
