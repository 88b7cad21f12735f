"""The image's health check tells a program that works from one that does not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rescind.runtime.alive_file import EVERY_SECONDS, RUNNING, STARTING, VARIABLE
from tests.deployment.files import ROOT

HEALTHY = ROOT / "deploy" / "image" / "healthy"
FRESH_SECONDS = 30
"""How old the file of a healthy worker may be."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def healthy(*words: str, **variables: str) -> bool:
    # As in the image, the Python with Rescind is the first one.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"PATH": path, **variables}
    ended = subprocess.run(
        [HEALTHY, *words], env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (0, 1, 2), ended.stderr
    return ended.returncode == 0


@contextmanager
def program(*words: str) -> Iterator[str]:
    """A process with this command line, which wakes only if it is told to."""
    code = (
        "import sys, time\nprint(flush=True)\nwhile 1: time.sleep(float(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        process.stdout.readline()
        yield str(process.pid)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alive"
    path.write_text(STARTING)
    return path


def test_a_worker_is_healthy_while_it_renews_its_file(file: Path) -> None:
    assert healthy("worker", **{VARIABLE: str(file)})
    assert EVERY_SECONDS * 3 < FRESH_SECONDS
    old = time.time() - FRESH_SECONDS - 5
    os.utime(file, (old, old))
    assert not healthy("worker", **{VARIABLE: str(file)})
    file.unlink()
    assert not healthy("worker", **{VARIABLE: str(file)})


def test_a_worker_is_ready_when_its_engine_has_started(file: Path) -> None:
    assert not healthy("ready", **{VARIABLE: str(file)})
    file.write_text(RUNNING)
    assert healthy("ready", **{VARIABLE: str(file)})


def test_a_beat_is_healthy_while_it_wakes() -> None:
    beat = ("-m", "worker", "beat", "--schedule")
    with (
        program("1", *beat) as working,
        program("1000", *beat) as stuck,
        ThreadPoolExecutor() as threads,
    ):
        found = threads.map(lambda pid: healthy(HEALTHY_PID=pid), (working, stuck))
        assert list(found) == [True, False]


@pytest.mark.parametrize(
    ("words", "path", "variable"),
    [
        (("-m", "rescind.api"), "/readyz", "RESCIND_API_PORT"),
        (("-A", "worker", "flower"), "/healthcheck", "FLOWER_PORT"),
    ],
)
def test_the_api_and_flower_have_to_answer(
    words: tuple[str, ...], path: str, variable: str
) -> None:
    asked = list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) == 1 else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with program("1000", *words) as pid:
        port = {variable: str(server.server_port), "HEALTHY_PID": pid}
        found = [healthy(**port), healthy(**port)]
        server.shutdown()
        thread.join()
        server.server_close()
        found.append(healthy(**port))
    assert (found, asked) == ([True, False, False], [path, path])


def test_a_worker_and_a_command_that_ends_by_itself_are_told_apart(file: Path) -> None:
    file.unlink()
    with program("1000", "-m", "worker", "worker") as pid:
        assert not healthy(HEALTHY_PID=pid, **{VARIABLE: str(file)})
    with program("1000", "rescind", "migrate") as pid:
        assert healthy(HEALTHY_PID=pid)


def test_a_process_that_does_not_exist_is_not_healthy() -> None:
    assert not healthy(HEALTHY_PID="0")
