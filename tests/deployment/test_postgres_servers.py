"""TLS, several servers in one URL, and Debian's version, on Debian's PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text

from rescind.browse import replica as replicas
from rescind.browse.browsing import list_rows
from rescind.browse.replica import Lists
from rescind.browse.wanted import Wanted
from rescind.dashboard import aged_lists
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    ping,
    reading,
    writing,
)
from rescind.operations.findings import Level
from rescind.operations.replica_check import replica_checks
from tests.api.conftest import TOKENS, opened, settings_for
from tests.certificates import write_certificates
from tests.dashboard.stage import Visitor
from tests.ledger.build import new, take_in
from tests.postgres_cluster import Cluster, cluster, newest_programs, replica
from tests.valkey import free_port


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authorities")
    write_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def server(authorities: Path) -> Iterator[Cluster]:
    with cluster(newest_programs()) as found:
        files = {
            f"ssl_{kind}_file": str(found.own(name, (authorities / name).read_bytes()))
            for kind, name in (("cert", "server.crt"), ("key", "server.key"))
        }
        found.start(ssl="on", **files)
        yield found


@pytest.fixture(scope="module")
def standby(server: Cluster) -> Iterator[Cluster]:
    with replica(server) as found:
        yield found


def verified(server: Cluster, host: str, authority: Path) -> str:
    return (
        f"postgresql://postgres@{host}:{server.port}/postgres"
        f"?sslmode=verify-full&sslrootcert={authority}"
    )


# --- TLS ------------------------------------------------------------------------------


def test_a_certificate_of_an_own_authority_is_verified(
    server: Cluster, authorities: Path
) -> None:
    engine = open_ledger(verified(server, "localhost", authorities / "ours.pem"))
    with reading(engine) as connection:
        mine = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(text(mine)).scalar_one() is True
    engine.dispose()


@pytest.mark.parametrize(
    ("host", "authority", "sentence"),
    [
        ("localhost", "other.pem", "sslrootcert must name a file with the authority"),
        ("127.0.0.1", "ours.pem", "must name the server as its certificate does"),
    ],
)
def test_another_authority_or_name_is_refused_in_a_sentence(
    server: Cluster, authorities: Path, host: str, authority: str, sentence: str
) -> None:
    engine = open_ledger(verified(server, host, authorities / authority))
    with pytest.raises(LedgerUnreachableError, match=sentence):
        ping(engine)


# --- several servers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "hosts",
    [
        "?host=127.0.0.1:{replica}&host=127.0.0.1:{primary}&",
        "?host=127.0.0.1,127.0.0.1&port={replica},{primary}&",
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_used(
    server: Cluster, standby: Cluster, hosts: str
) -> None:
    named = hosts.format(replica=standby.port, primary=server.port)
    url = f"postgresql://postgres@/postgres{named}target_session_attrs=read-write"
    engine = open_ledger(url)
    with writing(engine) as connection:
        where = "SELECT pg_is_in_recovery()"
        assert connection.execute(text(where)).scalar_one() is False
    engine.dispose()


def test_if_no_server_takes_writes_the_sentence_names_each(
    standby: Cluster,
) -> None:
    nobody = free_port()
    url = (
        f"postgresql://postgres@/postgres?host=127.0.0.1:{nobody}"
        f"&host=127.0.0.1:{standby.port}&target_session_attrs=read-write"
    )
    with pytest.raises(LedgerUnreachableError) as refused:
        ping(open_ledger(url))
    assert "no server of RESCIND_DATABASE_URL takes writes now" in str(refused.value)
    assert str(nobody) in str(refused.value)


# --- Debian's version, and a replica of it --------------------------------------------


@pytest.fixture(scope="module")
def ledger(server: Cluster) -> Iterator[Engine]:
    engine = open_ledger(server.url())
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def copy(ledger: Engine, standby: Cluster) -> Iterator[Engine]:
    """The replica, with all that the primary has."""
    engine = open_ledger(standby.url())
    until_it_has_all(ledger, engine)
    yield engine
    engine.dispose()


def until_it_has_all(ledger: Engine, copy: Engine) -> None:
    def has_all() -> bool:
        # At first it has no tables.
        with suppress(LedgerUnreachableError):
            return replicas.behind(ledger, copy) == 0
        return False

    until(has_all)


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@contextmanager
def standing_still(standby: Cluster) -> Iterator[None]:
    """The replica gets what the primary writes, and does not show it."""
    with psycopg.connect(standby.url().replace("+psycopg", "")) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        until(lambda: connection.execute(state).fetchone() == (True,))
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")


def is_copy(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one())


def test_debians_version_has_all_that_the_ledger_needs(ledger: Engine) -> None:
    assert take_in(ledger, [new()])
    with reading(ledger) as connection:
        assert list_rows(connection, Wanted(), 9)


def test_lists_are_read_from_the_replica(ledger: Engine, copy: Engine) -> None:
    found = Lists(lambda: ledger, copy).read(is_copy)
    assert (found.value, found.age) == (True, 0)


def test_without_a_replica_lists_are_of_now(ledger: Engine) -> None:
    found = Lists(lambda: ledger).read(is_copy)
    assert (found.value, found.age) == (False, None)


def test_a_replica_that_is_behind_says_so_and_one_far_behind_is_not_read(
    ledger: Engine,
    copy: Engine,
    standby: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    lists = Lists(lambda: ledger, copy, lambda: now[0])
    with standing_still(standby):
        assert take_in(ledger, [new("behind")])
        found = lists.read(is_copy)
        assert found.value
        assert found.age is not None
        assert found.age > 0
        monkeypatch.setattr(replicas, "MOST_BEHIND", 0.0)
        now[0] += replicas.LOOK_SECONDS
        assert not lists.read(is_copy).value
    monkeypatch.undo()
    until_it_has_all(ledger, copy)
    now[0] += replicas.AGAIN_SECONDS
    assert lists.read(is_copy).value


def test_a_replica_that_is_down_is_left_alone_for_some_seconds(
    ledger: Engine, copy: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = open_ledger(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres")
    lists = Lists(lambda: ledger, nowhere)
    assert not lists.read(is_copy).value
    monkeypatch.setattr(replicas, "behind", lambda *_: pytest.fail("asked again"))
    assert not lists.read(is_copy).value


def test_a_question_that_the_replica_breaks_off_is_put_to_the_primary(
    ledger: Engine, copy: Engine
) -> None:
    def break_off(connection: Connection) -> bool:
        if is_copy(connection):
            raise LedgerUnreachableError("conflict with recovery")
        return True

    found = Lists(lambda: ledger, copy).read(break_off)
    assert (found.value, found.age) == (True, None)


def test_a_server_that_takes_writes_is_no_replica(ledger: Engine) -> None:
    with pytest.raises(replicas.ReplicaUnusableError, match="no streaming replica"):
        replicas.behind(ledger, ledger)


def test_a_replica_that_lacks_a_function_is_not_used(
    ledger: Engine, copy: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "_OF_REPLICA", text("SELECT no_such_function()"))
    with pytest.raises(replicas.ReplicaUnusableError, match="no_such_function"):
        replicas.behind(ledger, copy)
    assert not Lists(lambda: ledger, copy).read(is_copy).value


def test_callers_read_lists_from_the_replica_and_records_from_the_primary(
    server: Cluster,
    standby: Cluster,
    copy: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aged_lists, "NOTED_SECONDS", 0.0)
    # The age runs from the replica's last commit, however long ago that was.
    monkeypatch.setattr(replicas, "MOST_BEHIND", 3600.0)
    its_url = SecretStr(standby.url())
    chosen = settings_for(tmp_path, server.url(), database_replica_url=its_url)
    with opened(chosen) as api, standing_still(standby):
        entry = {"provider": "notpanel", "order": "ord_7", "group": "new"}
        taken = api.submit(entry)
        assert taken.status_code == 202, taken.text
        listed = api.get("/v1/cancellations?group=new")
        assert listed.json()["cancellations"] == []
        assert float(listed.headers["Rescind-List-Age"]) >= 0
        changed = api.get("/v1/cancellations?updated_since=2020-01-01T00:00:00Z")
        one = api.get("/v1/cancellations/notpanel/default/ord_7")
        group = api.get("/v1/groups/new")
        for found in (changed, one, group):
            assert found.status_code == 200
            assert "Rescind-List-Age" not in found.headers
        assert "ord_7" in changed.text
        visitor = Visitor(api.url)
        visitor.sign_in(TOKENS["read"])
        page = visitor.get("/desk/cancellations?q=ord_7").text
        assert "it was read from a replica" in page
        [check] = replica_checks(chosen, api.context.engine)
        assert (check.level, "s behind" in check.says) == (Level.OK, True)


def test_doctor_says_why_the_replica_is_not_used(
    server: Cluster, ledger: Engine, tmp_path: Path
) -> None:
    for port, level in ((server.port, Level.WRONG), (free_port(), Level.WARNING)):
        url = SecretStr(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        chosen = settings_for(tmp_path, server.url(), database_replica_url=url)
        [check] = replica_checks(chosen, ledger)
        assert check.level is level
        assert "lists are read from the primary" in check.says
