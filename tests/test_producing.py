"""Runs the programs of the producers' guide, unchanged, against a whole system."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from rescind.api.openapi_webhooks import webhooks
from rescind.cli.setup.service_questions import webhook_secret
from rescind.sandbox import running as simulated
from tests.conftest import free_port
from tests.tasks.conftest import Running, accounts_toml, start, until

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / "examples" / "producers"
GUIDE = ROOT / "docs" / "producing.md"
TOKEN = "producer-0123456789abcdef"
SECRET = webhook_secret()
PYTHON = sys.executable


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{missing} are not installed here")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole system with its HTTP API, as `rescind up` starts it."""
    home = tmp_path_factory.mktemp("producing")
    accounts = home / "accounts.toml"
    with simulated(settle=0.1, lag=0.1) as box, pytest.MonkeyPatch.context() as patch:
        box.settings(auto=False)
        accounts.write_text(accounts_toml(box))
        accounts.chmod(0o600)
        patch.setenv("RESCIND_API_TOKENS", f"shop:submit+read:{TOKEN}")
        patch.setenv("RESCIND_WEBHOOK_SECRET", SECRET)
        patch.setenv("RESCIND_WEBHOOK_HOSTS", "127.0.0.1:*")
        patch.setenv("RESCIND_WEBHOOK_PRIVATE", "true")
        with start(home, accounts, box, api_port=free_port(), concurrency=8) as found:
            until(lambda: _is_open(found.system.api_url or ""), "the HTTP API")
            yield found


def _is_open(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/readyz", timeout=5).ok
    return False


@pytest.fixture
def orders(running: Running, request: pytest.FixtureRequest) -> list[str]:
    """Two new orders at notpanel that can be cancelled."""
    stem = re.sub(r"\W", "", str(request.node.name))[-30:]
    found = [f"ord_{stem}_{n}" for n in (1, 2)]
    running.sandbox.seed("notpanel", found, "pending")
    return found


def environment(running: Running, **more: str) -> dict[str, str]:
    """A producer's environment, without Rescind's own settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND_")}
    told = {
        "RESCIND_REDIS_URL": running.system.redis_url,
        "RESCIND_URL": running.system.api_url or "",
        "RESCIND_TOKEN": TOKEN,
    }
    return {**clean, **told, **more}


def run(
    running: Running, *words: str | Path, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        env=environment(running, **more),
        cwd=more.get("PWD"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_cancelled_once(running: Running, orders: list[str]) -> None:
    for order in orders:
        record = running.ends(f"notpanel/default/{order}")
        assert (record["state"], record["attempts"]) == ("cancelled", 1)
        assert len(running.events("notpanel", order, "cancel")) == 1


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node producer with its packages; skips with a reason without them."""
    folder = tmp_path_factory.mktemp("node") / "producer"
    shutil.copytree(PROGRAMS / "node", folder)
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    try:
        done = subprocess.run(
            ["npm", "install", *quiet],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=45,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install celery-node here: {type(error).__name__}")
    if done.returncode:
        pytest.skip("npm cannot install celery-node here: no registry answers")
    return folder / "cancel.js"


# --- submitting -----------------------------------------------------------------------


def test_celery_submits_and_a_repetition_changes_nothing(
    running: Running, orders: list[str]
) -> None:
    for _ in range(2):
        done = run(running, PYTHON, PROGRAMS / "cancel.py", "notpanel", *orders)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.split()) == 1
    assert_cancelled_once(running, orders)


@needs("node", "npm")
def test_celery_node_submits(running: Running, orders: list[str], node: Path) -> None:
    done = run(running, "node", node, "notpanel", *orders)
    assert (done.returncode, done.stderr) == (0, "")
    assert_cancelled_once(running, orders)


@needs("bash", "curl")
def test_curl_submits_and_waits(running: Running, orders: list[str]) -> None:
    done = run(running, PROGRAMS / "cancel.sh", "notpanel", orders[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[1:] == ["cancelled"]
    assert_cancelled_once(running, orders[:1])


@needs("bash", "curl")
def test_curl_reports_another_outcome(running: Running) -> None:
    done = run(running, PROGRAMS / "cancel.sh", "notpanel", "ord_nowhere1")
    assert done.returncode == 1
    assert json.loads(done.stderr)["reason"] == "not_found"


@needs("php")
def test_php_submits(running: Running, orders: list[str]) -> None:
    done = run(running, "php", PROGRAMS / "cancel.php", "notpanel", *orders)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["accepted"] * 2
    assert_cancelled_once(running, orders)


@needs("php")
def test_php_reports_the_refused_one(running: Running, orders: list[str]) -> None:
    done = run(running, "php", PROGRAMS / "cancel.php", "notpanel", orders[0], "a b")
    assert done.returncode == 1
    good, bad = done.stdout.splitlines()
    assert good.split()[1] == "accepted"
    assert "order must be the order's id" in bad


def test_an_outbox_is_empty_once_all_is_accepted(
    running: Running, orders: list[str], tmp_path: Path
) -> None:
    db = tmp_path / "shop.db"
    outbox = (PYTHON, PROGRAMS / "outbox.py", db)
    away = run(
        running, *outbox, "notpanel", orders[0], RESCIND_URL="http://127.0.0.1:1"
    )
    assert away.returncode == 3
    assert "the outbox keeps it" in away.stderr
    assert _waiting(db) == [orders[0]]
    done = run(running, *outbox, "notpanel", orders[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
    assert_cancelled_once(running, orders)
    done = run(running, *outbox)
    assert (done.returncode, done.stdout) == (0, "0\n")
    assert _waiting(db) == []


def _waiting(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        return [row[0] for row in db.execute("SELECT order_id FROM outbox")]


AWAY = {
    "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0",
    "RESCIND_URL": "http://127.0.0.1:1",
}


def test_a_failed_submission_is_reported(running: Running) -> None:
    words: dict[str, list[str | Path]] = {"python": [PYTHON, PROGRAMS / "cancel.py"]}
    if shutil.which("php"):
        words["php"] = ["php", PROGRAMS / "cancel.php"]
    with ThreadPoolExecutor() as threads:
        runs = {
            name: threads.submit(run, running, *command, "notpanel", "ord_1", **AWAY)
            for name, command in words.items()
        }
    for name, one in runs.items():
        _assert_said(one.result(), name)


@needs("node", "npm")
def test_node_reports_a_failed_submission(running: Running, node: Path) -> None:
    _assert_said(run(running, "node", node, "notpanel", "ord_1", **AWAY), "node")


def _assert_said(done: subprocess.CompletedProcess[str], name: str) -> None:
    assert done.returncode == 3, name
    assert done.stderr.startswith("not submitted: "), name
    assert len(done.stderr.splitlines()) == 1, name


# --- webhooks -------------------------------------------------------------------------

RECEIVERS = {
    "webhook.py": [PYTHON, str(PROGRAMS / "webhook.py"), "{port}"],
    "webhook.js": ["node", str(PROGRAMS / "webhook.js"), "{port}"],
    "webhook.php": ["php", "-S", "127.0.0.1:{port}", str(PROGRAMS / "webhook.php")],
}
SHOP = [PYTHON, str(PROGRAMS / "web_order.py"), "shop.db", "{port}"]
EVENT_DATA = {
    "provider": "ithink",
    "order": "86210010463",
    "state": "cancelled",
    "reason": "confirmed",
    "provider_message": "İptal edildi ✓",
}
EVENT = {
    "type": "cancellation.cancelled",
    "timestamp": "2026-11-21T18:00:00Z",
    "data": EVENT_DATA,
}
BODY = json.dumps(EVENT, ensure_ascii=False)


class Receiver:
    """A program that receives webhooks, and the lines that it has stored."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self._log = log

    @property
    def noted(self) -> list[list[str]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line.split() for line in lines if line.startswith("msg_")]

    def post(self, headers: Mapping[str, str], body: str = BODY) -> int:
        sent = {"Content-Type": "application/json", **headers}
        answer = requests.post(self.url, body.encode(), headers=sent, timeout=10)
        return answer.status_code


@contextmanager
def receiving(name: str, folder: Path) -> Iterator[Receiver]:
    port, log = free_port(), folder / "ended.log"
    command = [word.format(port=port) for word in {**RECEIVERS, "shop": SHOP}[name]]
    told = {"RESCIND_WEBHOOK_SECRET": SECRET, "WEBHOOK_LOG": str(log)}
    told |= {"RESCIND_URL": "http://127.0.0.1:9", "RESCIND_TOKEN": TOKEN}
    # PHP writes the file itself, since each request is a new run of its program.
    with (folder / "said.log").open("wb") as said, log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **told},
            cwd=folder,
            stdout=out,
            stderr=said,
        )
        try:
            until(lambda: _listens(port), name)
            yield Receiver(port, log)
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(
    params=[
        pytest.param(name, marks=needs(command[0]))
        for name, command in RECEIVERS.items()
    ]
)
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    with receiving(request.param, tmp_path) as found:
        yield found


def signed(
    name: str = "msg_1",
    at: datetime | None = None,
    secret: str = SECRET,
    body: str = BODY,
) -> dict[str, str]:
    """Headers as the library of the specification makes them."""
    moment = at or datetime.now(UTC)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, moment, body),
    }


def test_only_genuine_webhooks_are_stored(receiver: Receiver) -> None:
    now, later, other = datetime.now(UTC), timedelta(minutes=6), webhook_secret()
    good = signed("msg_1")
    assert receiver.post(good) == 204
    altered = BODY.replace("cancelled", "rejected")
    signature = good["webhook-signature"]
    refused = {
        "another id": {**good, "webhook-id": "msg_2"},
        "another time": {**good, "webhook-timestamp": str(int(now.timestamp()) + 9)},
        "another secret": signed(secret=other),
        "too old": signed(at=now - later),
        "too new": signed(at=now + later),
        "no time": {**good, "webhook-timestamp": "soon"},
        "no signature": {**good, "webhook-signature": ""},
        "half a signature": {**good, "webhook-signature": "v1,"},
        "another version": {**good, "webhook-signature": f"v9{signature[2:]}"},
        "nothing": {},
    }
    statuses = {why: receiver.post(given) for why, given in refused.items()}
    assert statuses == dict.fromkeys(refused, 401)
    assert receiver.post(good, altered) == 401
    rotated = signed("msg_3")
    both = f"{signed('msg_3', secret=other)['webhook-signature']} v1a,x "
    both += rotated["webhook-signature"]
    assert receiver.post({**rotated, "webhook-signature": both}) == 204
    ended = ["ithink", "86210010463", "cancelled", "confirmed"]
    assert receiver.noted == [["msg_1", *ended], ["msg_3", *ended]]


def post_each_type(
    receiver: Receiver, used: str, data: Mapping[str, object]
) -> dict[str, int]:
    """How it answers each type of event that Rescind sends. Only the types that begin
    with ``used`` have data, so a receiver that reads the data of another one fails."""
    answers = {}
    for number, type_ in enumerate(webhooks()):
        told = data if type_.startswith(used) else {}
        body = json.dumps({**EVENT, "type": type_, "data": told})
        answers[type_] = receiver.post(signed(f"msg_{number}", body=body), body)
    return answers


def test_a_receiver_of_cancellations_accepts_every_event(receiver: Receiver) -> None:
    answers = post_each_type(receiver, "cancellation.", EVENT_DATA)
    assert "rescind.test" in answers
    assert answers == dict.fromkeys(answers, 204)
    ends = [type_ for type_ in answers if type_.startswith("cancellation.")]
    assert len(receiver.noted) == len(ends)


def test_the_receiver_of_plans_accepts_every_event(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE orders (order_no, state, told_at)")
        shop.execute("INSERT INTO orders VALUES ('1', 'cancelling', '')")
    with receiving("shop", tmp_path) as receiver:
        answers = post_each_type(receiver, "plan.", {"key": "1", "verdict": "done"})
    assert answers == dict.fromkeys(answers, 204)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        assert shop.execute("SELECT state FROM orders").fetchall() == [("done",)]


def by_http(running: Running, order: str, **more: str) -> requests.Response:
    return requests.post(
        f"{running.system.api_url}/v1/cancellations",
        json={"provider": "notpanel", "order": order, **more},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )


def test_callback_tasks_are_refused_by_http(
    running: Running, orders: list[str]
) -> None:
    answer = by_http(running, orders[0], callback_task="shop.ended")
    assert answer.status_code == 422
    assert "callback_task is not accepted here" in answer.json()["detail"]


def test_the_real_senders_webhook_is_stored(
    running: Running, orders: list[str], receiver: Receiver
) -> None:
    answer = by_http(running, orders[0], callback_url=receiver.url)
    assert answer.status_code == 202, answer.text
    until(lambda: receiver.noted, "a webhook")
    assert receiver.noted[0][1:] == ["notpanel", orders[0], "cancelled", "confirmed"]


# --- the guide ------------------------------------------------------------------------


def test_the_guide_shows_the_programs_as_they_are() -> None:
    text = GUIDE.read_text()
    for path in PROGRAMS.rglob("*.*"):
        if "node_modules" in path.parts or "__pycache__" in path.parts:
            continue
        language = {".sh": "bash", ".py": "python"}.get(path.suffix, path.suffix[1:])
        shown = f"```{language}\n{path.read_text()}```\n"
        assert shown in text, f"{path.name} is not in {GUIDE.name} as it is"


def test_a_producer_needs_no_code_of_rescind() -> None:
    rooms = r"(?m)^\s*(?:from|import) (?:providers|rescind|worker|tasks)\b"
    for path in PROGRAMS.glob("*.py"):
        assert not re.search(rooms, path.read_text()), path
