"""The route for events of providers, as a provider and as a stranger see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import requests
import structlog
from limits import parse
from sqlalchemy import Engine

from rescind.api import admission, event_routes
from rescind.api.budgets import Budget
from rescind.config.accounts import Accounts
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.transactions import open_ledger
from rescind.provider.events import LARGEST_EVENT
from tests.api.conftest import ApiServer, problem
from tests.api.test_exhaustion import head, held, status
from tests.conftest import free_port
from tests.engine.waiting import until
from tests.event_sender import LANE, config, only, signed
from tests.ledger.build import add, row

PATH = "/v1/providers/notpanel/default/events"
SOON = timedelta(hours=1)


@pytest.fixture
def sender(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """The HTTP API with an account whose provider sends events."""
    accounts = Accounts(only(config()))
    known = SimpleNamespace(current=lambda: accounts)
    monkeypatch.setattr(api.context, "accounts_file", known)
    return api


def requested(api: ApiServer, key: str = "ord_1") -> str:
    """A cancellation of an order that is read back in an hour."""
    due = datetime.now(UTC) + SOON
    return add(ledger(api), State.REQUESTED, order="ord_1", key=key, due_at=due)


def ledger(api: ApiServer) -> Engine:
    return api.context.engine


def send(
    api: ApiServer, *orders: str, path: str = PATH, **more: str
) -> requests.Response:
    headers, body = signed(orders, datetime.now(UTC), **more)
    return api.post(path, token=None, headers=headers, data=body)


def test_a_signed_event_makes_a_reading_due_and_notifies_its_lane(
    sender: ApiServer,
) -> None:
    one = requested(sender)
    answer = send(sender, "ord_1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert _is_due(sender, one)
    until(lambda: len(sender.notified) == 2, "two notifications")
    assert set(sender.notified) == {(LANE, "verify"), (LANE, "poll")}


def test_an_event_that_names_no_order_of_ours_is_accepted(sender: ApiServer) -> None:
    for orders in (["ord_9"], [], ["no order at all"]):
        assert send(sender, *orders).status_code == 204
    assert sender.notified == []


def test_strangers_get_one_answer_and_change_nothing(sender: ApiServer) -> None:
    one = requested(sender)
    before = row(ledger(sender), one)
    unknown = ("notpanel/other", "nobody/default", "akinon/default")
    answers = [send(sender, "ord_1", key="another-key")]
    answers += [
        send(sender, "ord_1", path=f"/v1/providers/{p}/events") for p in unknown
    ]
    answers.append(sender.post(PATH, token=None, data=b"{}"))
    answers.append(sender.post(PATH, data=b"{}"))
    said = [problem(answer, 403, "forbidden") for answer in answers]
    for document in said:
        document.pop("request_id")
    assert all(document == said[0] for document in said)
    assert row(ledger(sender), one) == before


def test_a_repeated_event_is_accepted_and_changes_nothing(sender: ApiServer) -> None:
    headers, body = signed(["ord_1"], datetime.now(UTC))

    def sent() -> int:
        answer = sender.post(PATH, token=None, headers=headers, data=body)
        return answer.status_code

    first = requested(sender)
    assert sent() == 204
    assert _is_due(sender, first)
    second = requested(sender, key="another")
    assert sent() == 204
    assert not _is_due(sender, second)


def _is_due(api: ApiServer, one: str) -> bool:
    return bool(row(ledger(api), one).due_at <= to_ms(datetime.now(UTC)))


def test_more_events_than_the_rate_are_answered_with_429(
    sender: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_routes, "RATE", parse("2/hour"))
    forged = send(sender, "ord_1", key="another-key")
    statuses = [send(sender, f"ord_{n}").status_code for n in range(2)]
    assert (forged.status_code, statuses) == (403, [204, 204])
    answer = send(sender, "ord_3")
    problem(answer, 429, "too-many-requests")
    assert answer.headers["Retry-After"] == "1"
    assert send(sender, "ord_1", key="another-key").status_code == 403


def test_the_largest_event_is_read_and_a_larger_one_is_not(sender: ApiServer) -> None:
    headers, body = signed(["ord_1"], datetime.now(UTC), its_id="")
    room = LARGEST_EVENT - len(body)
    headers, body = signed(["ord_1"], datetime.now(UTC), its_id="x" * room)
    assert len(body) == LARGEST_EVENT
    given = {"token": None, "headers": headers}
    assert sender.post(PATH, data=body, **given).status_code == 204
    answer = sender.post(PATH, data=body + b" ", **given)
    problem(answer, 413, "body-too-large")


def test_events_and_strangers_have_places_of_their_own(
    sender: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets = sender.app.state.budgets
    monkeypatch.setattr(budgets, "events", Budget(0))
    problem(send(sender, "ord_1"), 503, "not-ready")
    assert sender.get("/desk/sign-in", token=None).status_code == 200
    monkeypatch.setattr(budgets, "events", Budget(9))
    monkeypatch.setattr(budgets, "strangers", Budget(0))
    assert send(sender, "ord_1").status_code == 204


def test_an_event_must_arrive_within_seconds(
    sender: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "STRANGER_SECONDS", 0.2)

    asked = head(f"POST {PATH}", "Content-Length: 9")
    with held(sender, 1, asked + b"part") as clients:
        assert status(clients[0]) == 408


def test_an_event_is_not_taken_in_while_the_ledger_is_away(
    sender: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, body = signed(["ord_1"], datetime.now(UTC))
    given = {"token": None, "headers": headers, "data": body}
    one = requested(sender)
    away = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    with monkeypatch.context() as patch:
        patch.setattr(sender.context, "engine", open_ledger(away))
        problem(sender.post(PATH, **given), 503, "ledger-unreachable")
    assert sender.post(PATH, **given).status_code == 204
    assert _is_due(sender, one)


def test_only_an_event_for_an_account_is_logged_and_once(sender: ApiServer) -> None:
    intake = event_routes.EventIntake()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            intake.refused(LANE)
    assert [one["lane"] for one in logs] == ["notpanel/default"]
    assert sender.get(PATH, token=None).status_code == 405
