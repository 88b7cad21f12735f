"""Ctrl-C ends a command within a second, whatever it waits for, and without a trace."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

from tests.cli.test_cli_support import ROOT, Home

PATIENCE = 8.0
"""Seconds: the command has less than one, and this machine may be busy. Without the
limit, the first one never ends, and the second one waits for its provider."""
DEAF = """
import time
from rescind.cli.interrupts import end_soon_after_ctrl_c
end_soon_after_ctrl_c()
said = False
while True:
    try:
        if not said:
            said = True
            print("ready", flush=True)
        time.sleep(30)
    except KeyboardInterrupt:
        pass
"""


def interrupted(process: subprocess.Popen[str]) -> tuple[int, float]:
    """The exit status after one Ctrl-C, and the seconds until then."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    return process.wait(30), time.monotonic() - began


def test_a_command_that_does_not_hear_ctrl_c_is_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        status, took = interrupted(process)
    assert status == 130
    assert took < PATIENCE


def test_doctor_ends_while_a_provider_does_not_answer(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        home.write(
            "accounts.toml", f'[notpanel.default]\nkey = "k"\nbase_url = "{url}"\n'
        )
        with subprocess.Popen(
            home.command("doctor"),
            cwd=home.path,
            env=home.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            silent.accept()
            status, took = interrupted(process)
            assert process.stderr is not None
            said = process.stderr.read()
    assert status == 130, said
    assert took < PATIENCE
    assert "Traceback" not in said
