"""A desk over a ledger that the tests write, served as an app serves it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import SecretStr
from sqlalchemy import Engine

from desk.routes import router
from ledger.database import open_ledger, writing
from ledger.intake import insert_new
from ledger.lanes import LaneState, register_lanes, write_lane
from ledger.progress import Change, Progress
from ledger.records import CallMade, new_id, record, record_calls
from ledger.seal import new_key
from ledger.states import State
from providers.model import Reason
from tests.ledger.build import new
from worker.access import Access, access
from worker.accounts import Accounts, Lane, load_accounts
from worker.settings import Settings
from worker.waker import Waker

OPERATOR = "an-operators-token-of-some-length"
READER = "a-readers-token-of-some-length"
SUBMITTER = "a-submitters-token-of-some-length"
TOKENS = f"ann:read+operate:{OPERATOR},ben:read:{READER},shop:submit:{SUBMITTER}"
ACCOUNTS = """
[notpanel.default]
key = "the-panel-key"
[dukkango.kadikoy]
app_secret_key = "the-app"
rest_secret_key = "the-restaurant"
[ithink.default]
access_token = "the-access"
secret_key = "the-secret"
[akinon.shop]
base_url = "https://shop.example.com"
token = "the-token"
"""
PANEL, MEAL = ("notpanel", "default"), ("dukkango", "kadikoy")
PARCEL, SHOP = ("ithink", "default"), ("akinon", "shop")


@dataclass
class TestFront:
    """What the app gives to the desk, of a test's own making."""

    __test__ = False

    settings: Settings
    engine: Engine
    access: Access
    waker: Waker
    accounts: Accounts
    stopping: threading.Event = field(default_factory=threading.Event)
    woken: list[tuple[Lane, str]] = field(default_factory=list)

    def ledger(self) -> Engine:
        return self.engine

    def close(self) -> None:
        self.stopping.set()
        self.waker.close()
        self.engine.dispose()


def front_over(url: str, home: Path, tokens: str = TOKENS) -> TestFront:
    """A front over the ledger of this URL, which wakes nobody but writes it down."""
    file = home / "accounts.toml"
    file.write_text(ACCOUNTS)
    file.chmod(0o600)
    chosen = Settings(
        home=home,
        accounts=file,
        database_url=SecretStr(url),
        seal_key=SecretStr(new_key()),
        api_tokens=SecretStr(tokens) if tokens else None,
    )
    woken: list[tuple[Lane, str]] = []
    return TestFront(
        settings=chosen,
        engine=open_ledger(url),
        access=access(chosen),
        waker=Waker(lambda lane, operation: woken.append((lane, operation))),
        accounts=load_accounts(file),
        woken=woken,
    )


def app_of(front: TestFront) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.state.front = front
    return app


def sign_in(client: TestClient, token: str, **form: str) -> Response:
    return client.post("/desk/sign-in", data={"token": token, **form})


def form_key(client: TestClient, page: str = "/") -> str:
    """What the forms of this session hold."""
    found = re.search(r'name="form_key" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def send(client: TestClient, path: str, **form: str | list[str]) -> Response:
    """A form of this session's, as its page would send it."""
    return client.post(path, data={"form_key": form_key(client), **form})


@contextmanager
def served(front: TestFront) -> Iterator[str]:
    """The app on a real socket: its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app_of(front), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            front.stopping.set()
            server.should_exit = True
            thread.join(20)


# --- what the ledger holds --------------------------------------------------------------


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def take_in(engine: Engine, lane: Lane, order: str, **values: Any) -> str:
    """One that is queued; gives back its id."""
    at = values.pop("at", utc_now())
    begins = values.pop("progress", Progress(State.QUEUED, due_at=at))
    one = new(order, lane=lane, progress=begins, opened_at=at, **values)
    with writing(engine) as connection:
        register_lanes(connection, [lane])
        insert_new(connection, [one], at)
    return one.id


def end(
    engine: Engine,
    lane: Lane,
    order: str,
    state: State,
    reason: Reason,
    *,
    message: str | None = None,
    code: str | None = None,
    body: str | None = None,
    at: datetime | None = None,
    lost: bool = False,
    **values: Any,
) -> str:
    """One that was called for, and ended so; gives back its id."""
    at = at or utc_now()
    began = at - timedelta(seconds=40)
    one = take_in(engine, lane, order, at=began, **values)
    asked = Progress(State.SENDING, attempts=1, spent=1, sent_at=began, due_at=at)
    looked = replace(asked, state=State.VERIFYING, lost=True, since=began)
    ended = replace(
        looked if lost else asked,
        state=state,
        reason=reason,
        provider_message=message,
        provider_code=code,
        due_at=None,
        finished_at=at,
    )
    call = CallMade(
        id=new_id(),
        operation="verify" if lost else "cancel",
        evidence="answered",
        took=timedelta(milliseconds=184),
        at=at,
        cancellations=(one,),
        status=200,
        body=body,
    )
    path = [Change(one, 1, State.QUEUED, asked)]
    if lost:
        words = "the answer never came within 30 s"
        path.append(Change(one, 2, State.SENDING, looked, evidence=words))
    last = path[-1]
    before = looked.state if lost else asked.state
    path.append(Change(one, last.version + 1, before, ended, call_id=call.id))
    with writing(engine) as connection:
        record_calls(connection, *lane, [call])
        for step, change in enumerate(path):
            moment = at if change is path[-1] else began + timedelta(seconds=step)
            record(connection, [change], moment, lane)
    return one


def set_lane(engine: Engine, lane: Lane, state: LaneState) -> None:
    with writing(engine) as connection:
        write_lane(connection, lane, state)


def a_day(engine: Engine, now: datetime) -> None:
    """A ledger as an operator finds it: most went well, and some did not."""
    ok = (State.CANCELLED, Reason.CONFIRMED)
    for hour in range(24):
        for n in range((hour * 7) % 11 + 3):
            at = now - timedelta(hours=23 - hour, minutes=n)
            lane = (PANEL, PARCEL, SHOP)[n % 3]
            end(engine, lane, f"ok-{hour}-{n}", *ok, at=at, group="nightly")
    for n in range(4):
        at = now - timedelta(hours=2 * n, minutes=3)
        late = (State.REJECTED, Reason.WINDOW_CLOSED)
        words = "Shipment already picked up"
        end(engine, PARCEL, f"862100{n}", *late, message=words, at=at, group="nightly")
    at = now - timedelta(hours=5)
    gone = (State.EXPIRED, Reason.DEADLINE_PASSED)
    end(engine, PANEL, "ord_77", *gone, at=at, cancel_before=at)
    end(
        engine,
        MEAL,
        "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e",
        State.FAILED,
        Reason.UNRESOLVED,
        message="Sipariş durumu okunamadı",
        code="E-17",
        body='{"status": false, "message": "Sipariş durumu okunamadı"}',
        lost=True,
        at=now - timedelta(minutes=9),
    )
    spent = (State.FAILED, Reason.ATTEMPTS_EXHAUSTED)
    words = "upstream timeout"
    end(engine, PANEL, "ord_78", *spent, message=words, at=now - timedelta(hours=1))
    for n in range(5):
        take_in(engine, PANEL, f"ord_9{n}", at=now - timedelta(minutes=4))
    held = LaneState(
        held_at=now - timedelta(minutes=31),
        held_reason="notpanel refuses the key: Invalid API key",
        probe_at=now + timedelta(minutes=29),
    )
    set_lane(engine, PANEL, held)
    why = "the provider asked for 60 s"
    until = now + timedelta(seconds=50)
    set_lane(engine, SHOP, LaneState(paused_until=until, pause_reason=why))
