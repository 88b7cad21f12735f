"""Opens the services that commands need; each reports when it cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable

from redis import RedisError
from redis.exceptions import ResponseError
from sqlalchemy import Engine, inspect

from rescind.config.accounts import Accounts, Lane, load_accounts
from rescind.config.ledger_url import open_engine
from rescind.config.redis_client import kind_fault, redis_client
from rescind.config.settings import Settings, SettingsError, settings, without_password
from rescind.errors.exit_statuses import UNREACHABLE
from rescind.errors.messages import say
from rescind.errors.redis_refusals import refusal
from rescind.errors.reported import CommandError
from rescind.ledger.storage.migrate import check, upgrade
from rescind.ledger.storage.transactions import reading
from rescind.operations.redis_service import redis_advice


def need_redis() -> None:
    """Check that Redis answers; raises ``CommandError`` if it does not."""
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
        says = f"{without_password(url)}: {refusal(error, chosen.redis_log)}"
        raise CommandError(says, UNREACHABLE, problem="redis-refuses") from None
    except (RedisError, OSError) as error:
        where, advice = without_password(url), redis_advice(chosen)
        says = f"Redis at {where} cannot be reached: {error}; {advice}"
        raise CommandError(says, UNREACHABLE, problem="redis-unreachable") from None
    if fault:
        raise CommandError(f"{without_password(url)}: {fault}", problem="redis-url")


def need_ledger(*, create: bool = False) -> Engine:
    """The ledger's engine; its tables have this program's version.

    An embedded ledger that does not exist is made only if ``create`` is set and the
    folder has an accounts file: in another folder, the command is a mistake.
    """
    chosen = settings()
    # A home that is no folder is reported when the ledger is opened.
    home_is_fine = chosen.home.is_dir() or not chosen.home.exists()
    missing = home_is_fine and not chosen.ledger_file.exists()
    if (
        chosen.embedded_database
        and missing
        and not (create and chosen.accounts.exists())
    ):
        raise _no_ledger(chosen)
    engine = open_engine(chosen)
    if chosen.embedded_database and _is_empty(engine):
        upgrade(engine)
    check(engine)
    return engine


def _no_ledger(chosen: Settings) -> CommandError:
    file = chosen.ledger_file.resolve()
    advice = (
        "`rescind up` or the first submission makes it"
        if chosen.accounts.exists()
        else "`rescind init` sets this folder up"
    )
    return CommandError(
        f"there is no ledger here: {file} does not exist, and nothing was created. Did"
        " you mean another folder? Run the command there, or set RESCIND_HOME; else"
        f" {advice}",
        UNREACHABLE,
        problem="ledger-missing",
    )


def _is_empty(engine: Engine) -> bool:
    with reading(engine) as connection:
        return not inspect(connection).has_table("cancellation")


def need_accounts() -> Accounts:
    """The accounts file; faults in it are printed, and do not stop the command."""
    accounts = load_accounts(settings().accounts)
    if accounts.fault is not None:
        say(f"{accounts.fault}. Until then every lane is held", accounts.problem)
    for warning in accounts.warnings:
        say(warning)
    return accounts


def notify_lanes(lanes: Iterable[Lane], *operations: str) -> None:
    """Notify workers of ``lanes``; after a failure, the next sweep finds the work."""
    listed = sorted(set(lanes))
    if not listed or not _redis_is_known():
        return
    # Celery takes longer to import than most commands take to run.
    from worker.celery import make_app
    from worker.notifications import notify_lanes

    try:
        with make_app() as app:
            for operation in operations or ("cancel",):
                notify_lanes(app, listed, operation)
    except (RedisError, OSError) as error:
        why = f"the workers could not be notified ({error}); their next sweep sends it"
        say(why, "redis-unreachable")


def notify_webhooks() -> None:
    """Notify workers of due deliveries; after a failure, the next sweep finds them."""
    if not _redis_is_known():
        return
    from worker.celery import make_app
    from worker.notifications import notify_webhooks

    try:
        with make_app() as app:
            notify_webhooks(app)
    except (RedisError, OSError) as error:
        why = f"the workers could not be notified ({error}); their next sweep sends it"
        say(why, "redis-unreachable")


def _redis_is_known() -> bool:
    """Whether workers can be notified; if not, this is said."""
    try:
        _ = settings().redis
    except SettingsError as error:
        why = f"the workers could not be notified ({error}); their next sweep sends it"
        say(why, error.problem)
        return False
    return True
