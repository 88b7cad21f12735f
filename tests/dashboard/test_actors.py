"""Each way in that changes something leaves its actor in the ledger."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
import requests
from fastapi.routing import APIRoute
from pydantic import SecretStr
from sqlalchemy import Engine, select
from structlog.testing import capture_logs

from rescind.config.redis_client import redis_client
from rescind.config.settings import Settings
from rescind.dashboard.sessions import Session
from rescind.ledger.changes.lane_states import LaneState, read_lane
from rescind.ledger.reading.queries import history
from rescind.ledger.states import State
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading
from rescind.operations import (
    actions,
    lane_holds,
    receiver_trial,
    resending,
    withdrawal,
)
from rescind.plans.templates_file import templates_of
from rescind.provider.outcomes import Reason
from tests.cli.test_schedule_commands import RULES
from tests.dashboard.stage import (
    CLERK,
    OPERATOR,
    PANEL,
    PARCEL,
    SUBMITTER,
    Served,
    Visitor,
    end,
    set_lane,
    utc_now,
)
from tests.dashboard.test_undelivered import give_up
from tests.ledger.build import add
from tests.ledger.planned import after

LANE = "notpanel/default"
CHANGING = [actions, lane_holds, receiver_trial, resending, withdrawal]
FAILED = (State.FAILED, Reason.UNRESOLVED)
HELD = LaneState(held_at=utc_now(), held_reason="the key was refused")


class Stage:
    """The page and the API, with something to act on."""

    def __init__(self, site: Served) -> None:
        self.site, self.ledger = site, site.engine
        self.page = site.visitor(OPERATOR)

    def post(self, path: str, token: str = OPERATOR, **more: Any) -> None:
        self.ask("POST", path, token, **more)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path, OPERATOR)

    def ask(self, method: str, path: str, token: str, **more: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.site.base}/v1{path}"
        done = requests.request(method, url, headers=headers, timeout=20, **more)
        assert done.status_code < 300, done.text

    def send(self, path: str, **form: str) -> None:
        done = self.page.send(path, **form)
        assert done.status_code in (200, 303), done.text

    def failed(self) -> str:
        return end(self.ledger, PANEL, "ord_1", *FAILED)

    def waiting(self) -> str:
        return add(self.ledger, order="ord_1", lane=PANEL)

    def held_back(self) -> str:
        """One that waits for another."""
        first, second = (f"{one}_{uuid4()}" for one in ("first", "second"))
        before = add(self.ledger, order=first, lane=PARCEL)
        return after(self.ledger, before, order=second, lane=PARCEL)

    def withdraw_by_key(self) -> None:
        self.waiting()
        self.delete(f"/cancellations/{LANE}/ord_1")

    def submit(self) -> None:
        entry = {"provider": "notpanel", "order": "ord_1"}
        self.post("/cancellations", SUBMITTER, json=entry)

    def resume(self) -> None:
        set_lane(self.ledger, PANEL, HELD)
        self.post(f"/lanes/{LANE}/resume")

    def resume_on_the_page(self) -> None:
        set_lane(self.ledger, PANEL, HELD)
        self.send("/desk/lanes/resume", lane=LANE)

    def run_a_schedule(self) -> None:
        file = self.site.context.settings.home / "schedules.toml"
        file.write_text(RULES)
        with self.with_settings(schedules=file):
            self.send("/desk/schedules/run", name="nightly")

    def test_a_receiver(self) -> None:
        secret = SecretStr(f"whsec_{'A' * 32}")
        hosts = {"webhook_hosts": "127.0.0.1:*", "webhook_private": True}
        with self.with_settings(webhook_secret=secret, **hosts):
            self.send("/desk/notifications/test", address="http://127.0.0.1:1/hush")

    @contextmanager
    def with_settings(self, **more: Any) -> Iterator[None]:
        former = self.site.context.settings
        given = {name: getattr(former, name) for name in former.model_fields_set}
        self.site.context.settings = Settings(**{**given, **more})
        try:
            yield
        finally:
            self.site.context.settings = former

    def submit_on_the_page(self) -> None:
        clerk = self.site.visitor(CLERK)
        done = clerk.send("/desk/submit/one", lane=LANE, order="ord_1")
        assert done.status_code == 303, done.text

    def submit_a_file(self) -> None:
        clerk = self.site.visitor(CLERK)
        seen = clerk.upload(b"provider,order\nnotpanel,ord_1\n")
        id_ = seen.headers["location"].rpartition("/")[2]
        assert clerk.send("/desk/submit/file/now", id=id_).status_code == 303

    @contextmanager
    def with_a_plan(self) -> Iterator[None]:
        plan = {"p": {"steps": {"one": {"provider": "notpanel", "order": "{order}"}}}}
        current = property(lambda _context: templates_of(plan))
        with patch.object(type(self.site.context), "templates", current):
            yield

    def submit_a_plan(self) -> None:
        wish = {"plan": "p", "input": {"order": "ord_1"}}
        with self.with_a_plan():
            self.post("/plans", SUBMITTER, json=wish)

    def submit_a_plan_on_the_page(self) -> None:
        clerk = self.site.visitor(CLERK)
        with self.with_a_plan():
            form = {"plan": "p", "input.order": "ord_1"}
            seen = clerk.send("/desk/submit/plan", **form)
            id_ = seen.headers["location"].rpartition("/")[2]
            done = clerk.send("/desk/submit/plan/now", id=id_)
        assert done.status_code == 303, done.text

    def resend(self) -> None:
        [one] = give_up(self.ledger, 1)
        self.send("/desk/undelivered/again", id=one)


ANN, EVE, SHOP = "token:ann", "token:eve", "token:shop"
ACTS: dict[str, tuple[Callable[[Stage], None], str]] = {
    "/v1/cancellations": (Stage.submit, SHOP),
    "/v1/plans": (Stage.submit_a_plan, SHOP),
    "/v1/cancellations/{id}/retry": (
        lambda stage: stage.post(f"/cancellations/{stage.failed()}/retry"),
        ANN,
    ),
    "/v1/cancellations/{id}/release": (
        lambda stage: stage.post(f"/cancellations/{stage.held_back()}/release"),
        ANN,
    ),
    "/v1/cancellations/{id}/skip": (
        lambda stage: stage.post(f"/cancellations/{stage.held_back()}/skip"),
        ANN,
    ),
    "/v1/cancellations/{id}": (
        lambda stage: stage.delete(f"/cancellations/{stage.waiting()}"),
        ANN,
    ),
    "/v1/cancellations/{provider}/{account}/{key:path}": (
        Stage.withdraw_by_key,
        ANN,
    ),
    "/desk/withdraw/now": (
        lambda stage: stage.send("/desk/withdraw/now", id=stage.waiting()),
        ANN,
    ),
    "/desk/release/now": (
        lambda stage: stage.send("/desk/release/now", id=stage.held_back()),
        ANN,
    ),
    "/desk/skip/now": (
        lambda stage: stage.send("/desk/skip/now", id=stage.held_back()),
        ANN,
    ),
    "/v1/lanes/{provider}/{account}/hold": (
        lambda stage: stage.post(f"/lanes/{LANE}/hold"),
        ANN,
    ),
    "/v1/lanes/{provider}/{account}/resume": (Stage.resume, ANN),
    "/desk/lanes/hold": (lambda stage: stage.send("/desk/lanes/hold", lane=LANE), ANN),
    "/desk/lanes/resume": (Stage.resume_on_the_page, ANN),
    "/desk/retry/now": (
        lambda stage: stage.send("/desk/retry/now", id=stage.failed()),
        ANN,
    ),
    "/desk/undelivered/again": (Stage.resend, ANN),
    "/desk/schedules/run": (Stage.run_a_schedule, ANN),
    "/desk/notifications/test": (Stage.test_a_receiver, ANN),
    "/desk/submit/one": (Stage.submit_on_the_page, EVE),
    "/desk/submit/file/now": (Stage.submit_a_file, EVE),
    "/desk/submit/plan/now": (Stage.submit_a_plan_on_the_page, EVE),
}
"""What each route that changes the ledger is asked, and the actor of that."""
CHANGE_NOTHING = {
    *("/desk/sign-in", "/desk/sign-out", "/desk/language"),
    *("/desk/retry", "/desk/withdraw", "/desk/submit/file"),
    *("/desk/release", "/desk/skip", "/desk/submit/plan"),
    "/v1/providers/{provider}/{account}/events",
}
"""Routes that change no cancellation, lane or notification. An event of a provider only
brings the next reading forward, and nobody asks for it."""


def actors(engine: Engine) -> list[str]:
    """The actors of all changes in the ledger, without those of the test's own rows."""
    columns = (CANCELLATION.c.submitted_by, TRANSITION.c.by, OPERATOR_ACTION.c.by)
    with reading(engine) as connection:
        found = [connection.execute(select(one)).scalars().all() for one in columns]
    return [one for some in found for one in some if one and one != "token:tests"]


@pytest.fixture
def stage(site: Served, valkey_url: str) -> Iterator[Stage]:
    with redis_client(valkey_url) as client:
        site.context.redis = client
        yield Stage(site)


def every(router: Any) -> Iterator[APIRoute]:
    for one in router.routes:
        if isinstance(one, APIRoute):
            yield one
        elif hasattr(one, "original_router"):
            yield from every(one.original_router)


def routes(site: Served) -> set[str]:
    read = {"GET", "HEAD"}
    return {one.path for one in every(site.app) if set(one.methods or ()) - read}


def test_every_route_that_changes_something_is_tried_here(site: Served) -> None:
    assert routes(site) == ACTS.keys() | CHANGE_NOTHING


@pytest.mark.parametrize("path", ACTS)
def test_what_a_route_changes_has_its_actor(stage: Stage, path: str) -> None:
    act, actor = ACTS[path]
    act(stage)
    assert set(actors(stage.ledger)) == {actor}


@pytest.mark.parametrize("module", CHANGING)
def test_no_operation_can_be_asked_for_without_an_actor(module: Any) -> None:
    """An operation that writes names its actor, and has no default for it."""
    for name, one in inspect.getmembers(module, inspect.isfunction):
        if one.__module__ == module.__name__ and "writing(" in inspect.getsource(one):
            its = inspect.signature(one).parameters["by"]
            assert its.default is inspect.Parameter.empty, name


def test_the_log_says_who_held_a_lane(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "rescind.operations")
    with capture_logs() as said:
        stage.send("/desk/lanes/hold", lane=LANE)
    [line] = [one for one in said if one["event"] == "operator action"]
    assert (line["by"], line["action"], line["lane"]) == (ANN, "hold", LANE)


# --- the pages ------------------------------------------------------------------------


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_activity_page_lists_what_was_done(stage: Stage) -> None:
    assert "Nobody has submitted" in stage.page.get("/desk/actions").text
    stage.send("/desk/lanes/hold", lane=LANE)
    one = stage.failed()
    stage.send("/desk/retry/now", id=one)
    stage.resend()
    page = stage.page.get("/desk/actions").text
    said = words(page)
    for what in ("held the lane", "retried 1 cancellation", "resent 1 notification"):
        assert f"ann (access token) {what} {LANE}" in said
    assert f'href="/desk/cancellations/{one}"' in page
    assert said.index("resent") < said.index("retried 1") < said.index("held the lane")


def test_older_activity_is_on_further_pages(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.dashboard.activity.PAGE", 1)
    stage.send("/desk/lanes/hold", lane=LANE)
    stage.send("/desk/lanes/resume", lane=LANE)
    first = stage.page.get("/desk/actions").text
    assert "resumed the lane" in first
    assert "held the lane" not in first
    [older] = re.findall(r'href="(/desk/actions\?before=[^"]+)"', first)
    second = stage.page.get(older).text
    assert "held the lane" in second
    assert "resumed the lane" not in second


def test_the_page_of_an_order_says_who_submitted_and_who_retried(stage: Stage) -> None:
    one = stage.failed()
    stage.send("/desk/retry/now", id=one)
    with reading(stage.ledger) as connection:
        steps = history(connection, one)
    assert [steps[0]["by"], steps[-1]["by"]] == ["token:tests", ANN]
    said = words(stage.page.get(f"/desk/cancellations/{one}").text)
    assert "Submitted by tests (access token)" in said
    assert said.count("by ann (access token)") == 1


def test_a_held_lane_shows_who_holds_it(stage: Stage) -> None:
    stage.send("/desk/lanes/hold", lane=LANE)
    with reading(stage.ledger) as connection:
        assert read_lane(connection, PANEL).held_by == ANN
    assert "by ann (access token)" in words(stage.page.get("/").text)


def test_the_pages_actor_is_decided_in_one_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How somebody signed in changes ``Session.actor`` alone."""
    monkeypatch.setattr(Session, "actor", "oidc:ann@example.com")
    pages = [path for path in ACTS if path.startswith("/desk/")]
    for path in pages:
        ACTS[path][0](stage)
    assert set(actors(stage.ledger)) == {"oidc:ann@example.com"}


def test_a_reader_sees_the_activity_and_a_stranger_does_not(
    reader: Visitor, stranger: Visitor
) -> None:
    assert reader.get("/desk/actions").status_code == 200
    assert stranger.get("/desk/actions").status_code == 303


def test_submissions_are_listed_with_a_link_to_the_cancellations(stage: Stage) -> None:
    stage.submit_a_file()
    orders = [{"provider": "notpanel", "order": f"ord_{n}"} for n in (2, 3)]
    stage.post("/cancellations", SUBMITTER, json={"cancellations": orders})
    page = stage.page.get("/desk/actions").text
    said = words(page)
    assert f"eve (access token) submitted 1 cancellation {LANE}" in said
    assert f"shop (access token) submitted 2 cancellations {LANE} see them" in said
    [address] = re.findall(r'href="(/desk/cancellations\?by=[^"]+)"', page)
    found = stage.page.get(html.unescape(address)).text
    assert re.findall(r"<bdi>(ord_\d)</bdi>", found) == ["ord_3", "ord_2"]


def test_the_group_of_a_submission_stands_apart_from_its_link(stage: Stage) -> None:
    one = {"provider": "notpanel", "order": "ord_2", "group": "june"}
    stage.post("/cancellations", SUBMITTER, json=one)
    page = stage.page.get("/desk/actions").text
    assert re.sub(r"</a>(\s*)(<bdi>)?june", r"</a>\1june", page).count("</a> june") == 1
