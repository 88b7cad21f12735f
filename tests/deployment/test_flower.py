"""Flower refuses strangers, and keeps its history."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from celery import Celery

from tests.conftest import free_port
from tests.deployment.files import ROOT
from tests.deployment.processes import (
    BIN,
    environment,
    responds,
    started,
    status_of,
    until,
)

FLOWER = [str(BIN / "celery"), "-A", "worker", "flower"]
NOWHERE = "redis://127.0.0.1:1/0"
ANYWHERE = "0.0.0.0"
Given = tuple[dict[str, str], list[str]]
"""The variables and options with which Flower starts."""
SHUT: dict[str, tuple[Given, ...]] = {
    ANYWHERE: (
        ({"FLOWER_ADDRESS": ANYWHERE}, []),
        ({}, [f"--address={ANYWHERE}"]),
        ({"FLOWER_ADDRESS": "127.0.0.1"}, [f"--address={ANYWHERE}"]),
        ({"FLOWER_ADDRESS": ANYWHERE, "FLOWER_BASIC_AUTH": ""}, []),
        ({"FLOWER_ADDRESS": ANYWHERE, "FLOWER_BASIC_AUTH": "ann:"}, []),
        ({"FLOWER_ADDRESS": ANYWHERE, "FLOWER_BASIC_AUTH": "a:b"}, ["--basic-auth="]),
    ),
    "::": (({"FLOWER_ADDRESS": "::"}, []),),
    "0": (({"FLOWER_ADDRESS": "0"}, []),),
    "192.0.2.1": (({}, ["--address=192.0.2.1"]),),
    "localhost.example": (({}, ["--address=localhost.example"]),),
    "here.sock": (
        ({"FLOWER_UNIX_SOCKET": "here.sock"}, []),
        ({}, ["--unix-socket=here.sock"]),
    ),
}
LISTENS: dict[str, tuple[Given, ...]] = {
    "127.0.0.1": (
        ({}, []),
        ({"FLOWER_ADDRESS": ""}, []),
        ({}, ["--address="]),
        ({"FLOWER_BASIC_AUTH": "ann:secret"}, ["--address="]),
    ),
    "::1": (({"FLOWER_ADDRESS": "::1"}, []),),
    "localhost": (({}, ["--address=localhost"]),),
    ANYWHERE: (({"FLOWER_ADDRESS": ANYWHERE, "FLOWER_BASIC_AUTH": "ann:x"}, []),),
}
CONFIGURE = """
import json, os, sys
from flower import command
from tornado.options import options

for variables, given in json.load(sys.stdin):
    if os.fork() == 0:
        os.environ.update(variables)
        try:
            command.apply_env_options()
            command.apply_options("flower", given)
            print(json.dumps(["listens", options.address]), flush=True)
        except SystemExit as refused:
            print(json.dumps(["refuses", str(refused)]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Flower's behaviour with each of these, just before it listens."""
    given = [
        one for known in (SHUT, LISTENS) for some in known.values() for one in some
    ]
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE],
        cwd=ROOT,
        env=environment(tmp_path_factory.mktemp("home")),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(map(json.dumps, given), said, strict=True))


@pytest.mark.parametrize("where", SHUT)
def test_flower_does_not_open_up_without_a_password(
    where: str, flowers: dict[str, list[str]]
) -> None:
    for given in SHUT[where]:
        does, words = flowers[json.dumps(given)]
        assert does == "refuses", given
        assert f"Flower would listen on {where} without a password" in words


@pytest.mark.parametrize("where", LISTENS)
def test_flower_listens_where_it_was_told_or_on_this_machine(
    where: str, flowers: dict[str, list[str]]
) -> None:
    for given in LISTENS[where]:
        assert flowers[json.dumps(given)] == ["listens", where], given


def test_flower_reports_the_fault_and_ends(tmp_path: Path) -> None:
    env = environment(tmp_path, RESCIND_REDIS_URL=NOWHERE, FLOWER_ADDRESS=ANYWHERE)
    ended = subprocess.run(
        FLOWER, cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "set FLOWER_BASIC_AUTH to user:password" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_flower_reads_no_history_that_another_user_may_have_written(
    tmp_path: Path,
) -> None:
    # Flower runs code that such a file contains.
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o1777)
    (home / "flower.db").touch()
    (home / "flower.db").chmod(0o666)
    env = environment(tmp_path, RESCIND_REDIS_URL=NOWHERE, RESCIND_HOME=str(home))
    ended = subprocess.run(
        FLOWER, cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "flower.db can be written by everybody" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_flower_keeps_to_this_machine_by_default(
    tmp_path: Path, valkey_url: str
) -> None:
    port = str(free_port())
    env = environment(tmp_path, RESCIND_REDIS_URL=valkey_url, FLOWER_PORT=port)
    log = tmp_path / "log"
    with started(FLOWER, env, log) as process:
        until(lambda: responds(f"http://127.0.0.1:{port}/healthcheck"), process, log)
        assert status_of(f"http://127.0.0.1:{port}/workers") == 200
        assert status_of(f"http://127.0.0.1:{port}/api/workers") == 401
        # The other addresses of 127/8 stand for any other interface.
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.2:{port}/", timeout=60)


def test_flower_remembers_in_a_file_that_is_its_own(
    tmp_path: Path, valkey_url: str
) -> None:
    """When it stops, it saves its history; after a start it has it again."""
    port, home = str(free_port()), tmp_path / "home"
    env = environment(tmp_path, RESCIND_REDIS_URL=valkey_url, FLOWER_PORT=port)
    env |= {"RESCIND_HOME": str(home), "FLOWER_UNAUTHENTICATED_API": "true"}
    tasks = f"http://127.0.0.1:{port}/api/tasks"

    def seen() -> bool:
        with Celery(broker=valkey_url) as app, app.events.default_dispatcher() as tell:
            tell.send("task-sent", uuid="seen-before", name="notpanel.cancel")
        return responds(tasks) and "seen-before" in _body(tasks)

    for number, condition in enumerate((seen, lambda: "seen-before" in _body(tasks))):
        log = tmp_path / f"log {number}"
        with started(FLOWER, env, log) as process:
            until(lambda: responds(tasks), process, log)
            until(condition, process, log)
    kept = [path for path in home.iterdir() if path.name.startswith("flower.db")]
    assert kept
    for path in kept:
        assert path.stat().st_mode & 0o077 == 0, path


def _body(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())
