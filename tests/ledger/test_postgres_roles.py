"""The roles of ``docs/operating.md``: with no right outside their schema, or less."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from rescind.browse.replica import ReplicaUnusableError, behind
from rescind.ledger.seal import new_key
from rescind.ledger.storage.migrate import check, upgrade
from rescind.ledger.storage.transactions import LedgerUnreachableError, open_ledger
from tests.cli.test_cli_support import Home
from tests.ledger.build import new, take_in
from tests.pooler import pooled
from tests.postgres_roles import Roles, execute, roles_of


@pytest.fixture(scope="module")
def roles(postgres_url: str) -> Iterator[Roles]:
    """The page's roles; the owner has migrated the ledger through PgBouncer."""
    with roles_of(postgres_url) as made:
        with pooled(made.owner) as owner:
            engine = open_ledger(owner)
            upgrade(engine)
            engine.dispose()
        yield made


@pytest.fixture(scope="module")
def app(roles: Roles) -> Iterator[str]:
    with pooled(roles.app) as url:
        yield url


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("app", "CREATE TABLE mine (id int)"),
        ("app", "CREATE TEMP TABLE mine (id int)"),
        ("app", "TRUNCATE cancellation"),
        ("app", "DROP TABLE cancellation"),
        ("owner", "CREATE TABLE public.mine (id int)"),
        ("owner", "CREATE SCHEMA mine"),
        ("owner", "CREATE EXTENSION plpgsql SCHEMA rescind"),
        ("owner", "CREATE DATABASE mine"),
    ],
)
def test_neither_role_has_more_rights_than_it_needs(
    roles: Roles, role: str, statement: str
) -> None:
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateObject)
    ):
        execute(getattr(roles, role), [statement])


def test_the_commands_work_with_these_roles_through_a_pooler(
    roles: Roles, app: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pooled(roles.owner) as owner:
        monkeypatch.setenv("RESCIND_DATABASE_URL", owner)
        assert home.run("migrate").status == 0
    monkeypatch.setenv("RESCIND_DATABASE_URL", app)
    monkeypatch.setenv("RESCIND_SEAL_KEY", new_key())
    doctor = home.run("doctor").out
    assert "is up to date" in doctor
    assert "through a pooler" in doctor
    for words in (
        *("migrate", "cancel notpanel ord_1 ord_2 --json", "list --json"),
        *("show notpanel/default/ord_1", "withdraw notpanel/default/ord_1"),
        *("hold notpanel/default", "lanes --exact", "resume notpanel/default"),
        *("prune --older-than 9d", "groups", "actions", "words"),
    ):
        done = home.run(*words.split())
        assert done.status == 0, (words, done.err)


def test_a_role_without_a_right_is_told_which(roles: Roles) -> None:
    engine = open_ledger(roles.app)
    check(engine)
    execute(roles.owner, ["REVOKE INSERT ON cancellation FROM rescind_app"])
    with pytest.raises(LedgerUnreachableError, match="lacks a right") as refused:
        take_in(engine, [new()])
    assert "permission denied for table cancellation" in str(refused.value)
    execute(roles.owner, ["GRANT INSERT ON cancellation TO rescind_app"])
    assert take_in(engine, [new()])
    engine.dispose()


def test_the_role_may_ask_how_far_a_replica_is(roles: Roles) -> None:
    engine = open_ledger(roles.app)
    with pytest.raises(ReplicaUnusableError, match="no streaming replica"):
        behind(engine, engine)
    engine.dispose()


def test_a_search_path_without_a_schema_is_refused_in_a_sentence(
    roles: Roles,
) -> None:
    engine = open_ledger(f"{roles.owner}&options=-csearch_path%3Dnone")
    with pytest.raises(LedgerUnreachableError, match="search_path does not exist"):
        upgrade(engine)
