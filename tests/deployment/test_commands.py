"""The commands in Compose and in the Procfile exist."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec

import click
import pytest
from celery.bin.celery import celery as celery_command
from flower import options as _flower  # noqa: F401  (it registers its options)
from tornado.options import options

from tests.deployment.files import OURS, PROCFILE, ROOT, SERVICES
from tests.deployment.processes import RESCIND
from worker.__main__ import main as worker_command


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_exists(name: str) -> None:
    assert_runnable(SERVICES[name]["command"])


@pytest.mark.parametrize("name", sorted(PROCFILE))
def test_every_line_of_the_procfile_exists(name: str) -> None:
    words = PROCFILE[name].split("exec ")[-1].split()
    assert_runnable(words)


def assert_runnable(words: list[str]) -> None:
    """The program is there, and has this command with these options."""
    if words[0] == "celery":
        assert words[1:3] == ["-A", "worker"]
        # Flower reads its options by itself.
        own = [word for word in words[4:] if words[3] == "flower"]
        assert all(re.split("--|=", word)[1] in options for word in own)
        assert_parsed(celery_command.commands[words[3]], words[4 + len(own) :])
        return
    if words[0] == "python":
        assert words[1] == "-m"
        assert find_spec(f"{words[2]}.__main__")
        if words[2] == "worker":
            assert_parsed(worker_command.commands[words[3]], words[4:])
        else:
            assert words[3:] == []
        return
    assert words[0] == "rescind"
    told = subprocess.run(
        [*RESCIND, *words[1:], "--help"], cwd=ROOT, capture_output=True, check=False
    )
    assert told.returncode == 0


def assert_parsed(command: click.Command, arguments: list[str]) -> None:
    """Each option exists and has its value."""
    _, rest, _ = command.make_parser(click.Context(command)).parse_args(list(arguments))
    assert rest == []


def test_the_procfile_starts_what_compose_starts() -> None:
    assert set(PROCFILE) == OURS - {"migrate"}
