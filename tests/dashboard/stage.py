"""Serves the dashboard over a ledger that the tests fill."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Connection, Engine

from rescind.api.api_context import ApiContext
from rescind.api.application import create_app
from rescind.api.http_server import Server
from rescind.config.access_tokens import access
from rescind.config.accounts import Lane
from rescind.config.settings import Settings
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import LaneState, register_lanes, write_lane
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.changes.recording import new_id
from rescind.ledger.progress import Change, Progress
from rescind.ledger.seal import new_key
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger, writing
from rescind.provider.outcomes import Reason
from rescind.runtime.resources import AccountsFile
from tests.ledger.build import new
from tests.ledger.single import record, record_calls
from worker.background_notifier import BackgroundNotifier

Form = Mapping[str, str | list[str]]
OPERATOR = "an-operators-token-of-some-length"
READER = "a-readers-token-of-some-length"
SUBMITTER = "a-submitters-token-of-some-length"
CLERK = "a-clerks-token-of-some-length"
TOKENS = (
    f"ann:read+operate:{OPERATOR},ben:read:{READER},shop:submit:{SUBMITTER},"
    f"eve:read+submit:{CLERK}"
)
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
HOLD_PAGE = "/desk/lanes/hold?lane=ithink/default"
PANEL, MEAL = ("notpanel", "default"), ("dukkango", "kadikoy")
PARCEL, SHOP = ("ithink", "default"), ("akinon", "shop")


@dataclass
class Notified:
    """Records the lanes and operations for which a message would be sent."""

    asked: list[tuple[Lane, str]] = field(default_factory=list)

    def note(self, lane: Lane, operation: str) -> None:
        self.asked.append((lane, operation))


def settings_over(url: str, home: Path, tokens: str = TOKENS) -> Settings:
    file = home / "accounts.toml"
    file.write_text(ACCOUNTS)
    file.chmod(0o600)
    return Settings(
        home=home,
        accounts=file,
        plans=home / "plans.toml",
        database_url=SecretStr(url),
        seal_key=SecretStr(new_key()),
        api_tokens=SecretStr(tokens) if tokens else None,
    )


def context_over(chosen: Settings, notified: Notified) -> ApiContext:
    """The context of an API process, whose notifications are only recorded."""
    return ApiContext(
        settings=chosen,
        engine=open_ledger(chosen.database),
        seal=chosen.seal(),
        access=access(chosen),
        accounts_file=AccountsFile(chosen.accounts),
        notifier=BackgroundNotifier(notified.note),
    )


@dataclass
class Served:
    """The HTTP API with the dashboard on a real socket, and its ledger."""

    base: str
    app: FastAPI
    context: ApiContext
    notified: Notified

    def reset(self, url: str) -> None:
        """Use another ledger, and forget all sessions and caches."""
        self.context.engine = open_ledger(url)
        self.notified.asked.clear()
        self.app.state.alive = WorkersRun()
        for kept in ("dashboard", "board_cache"):
            if hasattr(self.app.state, kept):
                delattr(self.app.state, kept)

    @property
    def engine(self) -> Engine:
        return self.context.engine

    def visitor(self, token: str | None = None) -> Visitor:
        """A visitor with their own cookies, signed in if a token is given."""
        found = Visitor(self.base)
        if token is not None:
            assert found.sign_in(token).status_code == 303
        return found


class Visitor:
    """Requests pages and sends forms, without the checks of a browser."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, form: Form, **headers: str) -> requests.Response:
        return self._ask("POST", path, data=form, headers=headers)

    def sign_in(self, token: str, **more: str) -> requests.Response:
        return self.post("/desk/sign-in", {"token": token, **more})

    def upload(
        self, content: bytes, name: str = "orders.csv", **fields: str
    ) -> requests.Response:
        """Upload a file as the page's form would."""
        form = {"form_key": self.form_key("/desk/submit"), **fields}
        files = {"file": (name, content)}
        return self._ask("POST", "/desk/submit/file", data=form, files=files)

    def send(self, path: str, **form: str | list[str]) -> requests.Response:
        """Send a form as a page of this session would."""
        key = self.form_key("/desk/submit" if "/submit/" in path else HOLD_PAGE)
        return self.post(path, {"form_key": key, **form})

    def follow(self, path: str, **form: str | list[str]) -> requests.Response:
        """Send a form, and get the question or the result to which it leads."""
        answer = self.send(path, **form)
        where = answer.headers.get("location", "")
        led = where.startswith(("/desk/results/", f"{path}?"))
        return self.get(where) if led else answer

    def form_key(self, page: str = HOLD_PAGE) -> str:
        found = re.search(r'name="form_key" value="([^"]+)"', self.get(page).text)
        assert found is not None
        return found[1]

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(
            method, self.base + path, allow_redirects=False, timeout=20, **more
        )


class WorkersRun:
    """A check of health that finds nothing: no worker runs beside these pages."""

    async def problem(self, _context: object) -> None:
        return None


@contextmanager
def served(chosen: Settings) -> Iterator[Served]:
    notified = Notified()
    context = context_over(chosen, notified)
    app = create_app(context)
    app.state.alive = WorkersRun()
    config = uvicorn.Config(app, log_config=None, ws="none")
    server = Server(config, context)
    # Without IPPROTO_TCP, asyncio leaves Nagle's delay on.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            port = listening.getsockname()[1]
            yield Served(f"http://127.0.0.1:{port}", app, context, notified)
        finally:
            context.stopping.set()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not end"


# --- filling the ledger ---------------------------------------------------------


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def take_in(engine: Engine, lane: Lane, order: str, **values: Any) -> str:
    """Insert a queued cancellation; gives back its id."""
    with writing(engine) as connection:
        return _take_in(connection, lane, order, **values)


def _take_in(connection: Connection, lane: Lane, order: str, **values: Any) -> str:
    at = values.pop("at", None) or utc_now()
    begins = values.pop("progress", Progress(State.QUEUED, due_at=at))
    one = new(order, lane=lane, progress=begins, opened_at=at, **values)
    register_lanes(connection, [lane])
    insert_new(connection, [one], at)
    return one.id


def end(
    engine: Engine, lane: Lane, order: str, state: State, reason: Reason, **values: Any
) -> str:
    """Insert a cancellation that ended after a call; gives back its id."""
    with writing(engine) as connection:
        return end_in(connection, lane, order, state, reason, **values)


def end_in(
    connection: Connection,
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
    at = at or utc_now()
    began = at - timedelta(seconds=40)
    one = _take_in(connection, lane, order, at=began, **values)
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
    path = [Change([one], 1, State.QUEUED, asked)]
    if lost:
        words = "the answer never came within 30 s"
        path.append(Change([one], 2, State.SENDING, looked, evidence=words))
    before = looked.state if lost else asked.state
    path.append(Change([one], len(path) + 1, before, ended, call_id=call.id))
    record_calls(connection, *lane, [call])
    for step, change in enumerate(path):
        moment = at if change is path[-1] else began + timedelta(seconds=step)
        record(connection, [change], moment, lane)
    return one


def set_lane(engine: Engine, lane: Lane, state: LaneState) -> None:
    with writing(engine) as connection:
        write_lane(connection, lane, state)


def _a_good_day(connection: Connection, now: datetime) -> None:
    ok, late = (
        (State.CANCELLED, Reason.CONFIRMED),
        (State.REJECTED, Reason.WINDOW_CLOSED),
    )
    for hour in range(24):
        for n in range((hour * 7) % 11 + 3):
            at = now - timedelta(hours=23 - hour, minutes=n)
            lane = (PANEL, PARCEL, SHOP)[n % 3]
            end_in(connection, lane, f"ok-{hour}-{n}", *ok, at=at, group="nightly")
    for n in range(4):
        whole: dict[str, Any] = {
            "at": now - timedelta(hours=2 * n, minutes=3),
            "message": "Shipment already picked up",
            "group": "nightly",
        }
        end_in(connection, PARCEL, f"862100{n}", *late, **whole)


def an_action(engine: Engine, action: Action, subject: Subject, at: datetime) -> None:
    """Something that an operator did."""
    with writing(engine) as connection:
        record_action(connection, "token:ann", action, subject, at)


def a_day(engine: Engine, now: datetime) -> None:
    """Fill the ledger with a day's work: most cancellations went well, some did not."""
    an_action(engine, Action.HOLD, Subject(PARCEL), now - timedelta(hours=3))
    an_action(engine, Action.RESUME, Subject(PARCEL), now - timedelta(hours=2))
    an_action(engine, Action.RETRY, Subject(PANEL, None, 12), now - timedelta(hours=2))
    with writing(engine) as connection:
        _a_good_day(connection, now)
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
