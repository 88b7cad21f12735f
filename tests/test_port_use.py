"""A port that is taken is reported with the process that has it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rescind import port_use
from rescind.system.port_choice import Wanted
from rescind.system.service_wait import UpError
from tests.cli.test_cli_support import Home

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def taken(host: str) -> Iterator[int]:
    """A port on which this process listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as listener:
        listener.bind((host, 0))
        listener.listen()
        yield listener.getsockname()[1]


@linux
def test_the_holder_of_a_port_is_named(host: str, taken: int) -> None:
    assert not port_use.is_free(host, taken)
    says = port_use.taken(host, taken)
    assert says.startswith(
        f"port {taken} of {host} is taken by process {os.getpid()} ("
    )


def test_a_port_that_is_free_has_no_holder(host: str) -> None:
    port = port_use.unused(host)
    assert port_use.is_free(host, port)
    assert port_use.holder(port) is None
    assert port_use.taken(host, port).endswith("is taken by another process")


def test_a_host_that_is_not_ours_is_an_error_and_not_a_taken_port() -> None:
    with pytest.raises(OSError, match="assign"):
        port_use.is_free("192.0.2.1", 1234)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/sbin/nginx", "-p", "hush"], "nginx"),
        (["redis-server", "--requirepass", "hush"], "redis-server"),
        (["/v/bin/python", "-m", "rescind.api", "hush"], "python -m rescind.api"),
        (["/v/bin/python3", "/v/bin/rescind", "hush"], "python3 rescind"),
        (["python3.11", "-c", "hush()"], "python3.11"),
        (["python3.11", "-i"], "python3.11"),
    ],
)
def test_a_process_is_named_without_its_arguments(
    tmp_path: Path, words: list[str], name: str
) -> None:
    (tmp_path / "cmdline").write_bytes("\0".join([*words, ""]).encode())
    found = port_use._program(tmp_path)
    assert found == name


# --- the choice -----------------------------------------------------------------------


def test_the_port_that_was_asked_for_is_used_if_it_is_free(host: str) -> None:
    port = port_use.unused(host)
    assert Wanted("Flower", host, port, 1).choose() == (port, None)
    assert Wanted("Flower", host, 0, port).choose() == (port, None)


def test_a_usual_port_that_is_taken_is_said_with_the_port_used_instead(
    host: str, taken: int
) -> None:
    port, note = Wanted("Flower", host, 0, taken).choose()
    assert port != taken
    assert note is not None
    assert note.startswith(f"port {taken} of {host} is taken by ")
    assert note.endswith(f": Flower uses port {port} instead")


def test_a_port_that_was_asked_for_and_is_taken_ends_with_status_2(
    host: str, taken: int
) -> None:
    with pytest.raises(UpError, match=f"Flower cannot be started: port {taken}") as end:
        Wanted("Flower", host, taken, 5555).choose()
    assert (end.value.status, end.value.problem) == (2, "port-taken")


@pytest.mark.parametrize("host", ["127.0.0.1"], indirect=True)
def test_commands_end_with_status_2_and_start_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    port = str(taken)
    for words in (
        ("up", "--flower-port", port, "--no-api"),
        ("up", "--api-port", port, "--no-flower"),
        ("sandbox", "--port", port),
    ):
        done = home.run(*words)
        assert done.status == 2, words
        assert f"port {port} of 127.0.0.1 is taken by " in done.err
        assert "docs/errors.md#port-taken" in done.err
    monkeypatch.setenv("RESCIND_API_PORT", port)
    assert home.run("up", "--no-flower").status == 2
    assert not (home.path / ".rescind" / "valkey").exists()
