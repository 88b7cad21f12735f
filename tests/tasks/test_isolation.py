"""Lanes share nothing: neither queue, nor rate, nor fate."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rescind.ledger.changes.lane_states import read_lane
from rescind.ledger.storage.transactions import reading
from rescind.sandbox import Sandbox
from tests.conftest import free_port
from tests.silence import silence
from tests.tasks.conftest import QUICK, Running, accounts_toml, until, written

WAITING = 1000
HANGING_ACCOUNTS = 24
STATES = {
    "iletimerkezi": "scheduled",
    "dukkango": "received",
    "akinon": "approved",
    "ithink": "manifested",
}
PARAMS = {
    "dukkango": {"reason_id": 4},
    "akinon": {"is_all": True, "reasons": {"101": 2}},
}
HANGING = QUICK.replace("read_timeout = 1", "read_timeout = 20")

_numbers = itertools.count(400_000_001)


@contextmanager
def hanging(running: Running) -> Iterator[None]:
    patient = accounts_toml(running.sandbox).rpartition("[notpanel.default]")
    text = f"{patient[0]}{patient[1]}{patient[2].replace(QUICK, HANGING)}"
    with written(running.accounts, text):
        running.sandbox.settings(hang=["notpanel"])
        try:
            yield
        finally:
            running.sandbox.settings(hang=[])


@contextmanager
def refusing_connections(running: Running) -> Iterator[None]:
    there = running.sandbox.base_url("notpanel")
    nowhere = f"http://127.0.0.1:{free_port()}"
    text = accounts_toml(running.sandbox).replace(there, nowhere)
    with written(running.accounts, text):
        yield


@contextmanager
def answering(running: Running, kind: str) -> Iterator[None]:
    running.sandbox.faults(rate=1.0, kinds=[kind], provider="notpanel")
    try:
        yield
    finally:
        running.sandbox.faults(rate=0.0, provider="notpanel")


@contextmanager
def throttling(running: Running) -> Iterator[None]:
    with answering(running, "throttle"):
        yield


@contextmanager
def talking_garbage(running: Running) -> Iterator[None]:
    with answering(running, "garbage"):
        yield


def waiting(running: Running, group: str) -> int:
    """How many cancellations of the group have not ended."""
    return sum(one["finished_at"] is None for one in running.records(group=group))


def seeded(running: Running, provider: str) -> str:
    uuids = provider == "dukkango"
    order = str(uuid.uuid4()) if uuids else str(next(_numbers))
    running.sandbox.seed(provider, order, STATES[provider])
    return order


def submit_to(running: Running, provider: str, count: int) -> list[str]:
    orders = [seeded(running, provider) for _ in range(count)]
    params = PARAMS.get(provider, {})
    running.submit(
        *({"provider": provider, "order": one, "params": params} for one in orders)
    )
    return [f"{provider}/default/{one}" for one in orders]


def still_hangs(running: Running, group: str) -> bool:
    """Whether the first calls have not been given up yet."""
    return {one["state"] for one in running.records(group=group)} == {
        "queued",
        "sending",
    }


@pytest.mark.parametrize(
    "trouble", [hanging, refusing_connections, throttling, talking_garbage]
)
def test_what_one_provider_does_delays_no_other(
    sandbox: Sandbox, spare_system: Running, trouble: Any
) -> None:
    running = spare_system
    orders = [f"ord_{next(_numbers)}" for _ in range(WAITING)]
    sandbox.seed("notpanel", orders, "pending")
    entry = {"provider": "notpanel", "group": trouble.__name__}
    with trouble(running):
        running.submit(*({**entry, "order": one} for one in orders))
        until(lambda: waiting(running, trouble.__name__) == WAITING, "all to wait")
        for provider in STATES:
            for path in submit_to(running, provider, 3):
                assert running.ends(path)["state"] == "cancelled", path
        assert waiting(running, trouble.__name__) == WAITING
        if trouble is hanging:
            assert still_hangs(running, trouble.__name__)
    # The provider recovers, which also leaves no work for the next test.
    until(lambda: not waiting(running, trouble.__name__), "all ends")


def hanging_accounts(url: str) -> str:
    return "\n".join(
        f'[iletimerkezi.hangs-{n}]\nkey = "a"\nhash = "b"\nbase_url = "{url}"{HANGING}'
        for n in range(HANGING_ACCOUNTS)
    )


def test_accounts_that_hang_delay_no_other_account_of_their_provider(
    sandbox: Sandbox, spare_system: Running
) -> None:
    running = spare_system
    with (
        silence() as server,
        written(
            running.accounts, accounts_toml(sandbox) + hanging_accounts(server.url)
        ),
    ):
        accounts = [f"hangs-{n}" for n in range(HANGING_ACCOUNTS)]
        # Each account gets more orders than it can have under way at once.
        running.submit(
            *(
                {
                    "provider": "iletimerkezi",
                    "account": account,
                    "order": str(next(_numbers)),
                    "group": "hangs",
                }
                for account in accounts
                for _ in range(10)
            )
        )
        until(lambda: server.calls >= 8 * HANGING_ACCOUNTS, "all accounts to hang")
        for path in submit_to(running, "iletimerkezi", 3):
            assert running.ends(path)["state"] == "cancelled"
        # Some of the other orders wait in memory briefly: see ``engine.planning``.
        submitted = 10 * HANGING_ACCOUNTS
        until(lambda: waiting(running, "hangs") == submitted, "all in the ledger")
        assert still_hangs(running, "hangs")


def test_bad_credentials_hold_one_account_and_use_no_attempt(
    sandbox: Sandbox, spare_system: Running
) -> None:
    running = spare_system
    base = sandbox.base_url("iletimerkezi")
    wrong = (
        f'\n[iletimerkezi.shut]\nkey = "wrong"\nhash = "b"\nbase_url = "{base}"{QUICK}'
    )
    with written(running.accounts, accounts_toml(sandbox) + wrong):
        orders = [seeded(running, "iletimerkezi") for _ in range(30)]
        running.submit(
            *(
                {"provider": "iletimerkezi", "account": "shut", "order": one}
                for one in orders
            )
        )
        until(lambda: _held(running, "shut"), "the lane to be held")
        for path in submit_to(running, "iletimerkezi", 3):
            assert running.ends(path)["state"] == "cancelled"
        assert _held(running, "shut")
        assert not _held(running, "default")
        until(lambda: _states(running, "shut") == {"queued"}, "calls to have ended")
        kept = running.records(provider="iletimerkezi", account="shut")
        assert {one["attempts"] for one in kept} == {0}


def _states(running: Running, account: str) -> set[str]:
    kept = running.records(provider="iletimerkezi", account=account)
    return {one["state"] for one in kept}


def _held(running: Running, account: str) -> bool:
    with reading(running.engine) as connection:
        return read_lane(connection, ("iletimerkezi", account)).held_at is not None
