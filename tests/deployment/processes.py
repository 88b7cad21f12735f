"""Starts the commands of the deployment files on this machine."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.deployment.files import ROOT

BIN = Path(sys.executable).parent
RESCIND = [sys.executable, "-m", "rescind"]
PATIENCE = 60.0


@contextmanager
def started(
    command: list[str], env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """An environment without this process's settings, and with its own folder."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND_")}
    clean = {k: v for k, v in clean.items() if not k.startswith("FLOWER_")}
    clean["PATH"] = f"{BIN}{os.pathsep}{clean['PATH']}"
    return {**clean, "RESCIND_HOME": str(tmp_path), **more}


def status_of(url: str, user: str | None = None) -> int:
    """The status of the answer, without a user or for ``user:password``."""
    request = urllib.request.Request(url)
    if user:
        token = base64.b64encode(user.encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def until(
    done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait for a condition while the process lives; otherwise show its output."""
    give_up = time.monotonic() + PATIENCE
    while not done():
        said = log.read_text(errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < give_up, said
        time.sleep(0.1)


def responds(url: str) -> bool:
    try:
        return status_of(url) == 200
    except OSError:
        return False
