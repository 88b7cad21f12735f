"""Tests of ``rescind up`` as a real process, each with its own RESCIND_HOME."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from rescind.config.accounts import Accounts, load_accounts
from rescind.config.home import Running, running
from rescind.config.settings import Settings, settings
from rescind.ledger.storage.migrate import check
from rescind.ledger.storage.transactions import open_ledger
from rescind.system.embedded_redis import EmbeddedRedis, free_port
from rescind.system.local_system import System
from rescind.system.up import banner, up

CODE = (
    "import sys; from rescind.system.up import up;"
    " sys.exit(up(concurrency=2, flower_port={flower},"
    " api_port={door}, quiet={quiet}))"
)
STOPS_WITHIN = 15.0


class Up:
    """One ``up`` in a process of its own."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}.log"
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND")}
        self._env |= {"RESCIND_HOME": str(home), **env}
        self.process: subprocess.Popen[bytes]

    def start(
        self,
        *,
        flower: int | None = None,
        door: int | None = None,
        quiet: bool = False,
    ) -> None:
        code = CODE.format(flower=flower, door=door, quiet=quiet)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def wait_until_up(self) -> Running:
        self.wait_for(lambda: "Rescind is up" in self.said)
        found = running(self.home)
        assert found is not None
        return found

    def stop(self, number: int = signal.SIGINT) -> float:
        """Send the signal; returns the seconds until the process ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60)
        return time.monotonic() - began

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task")
        found = " ".join(p.read_text() for p in path.glob("*/children"))
        return [int(pid) for pid in found.split()]


def lives(pid: int) -> bool:
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path / "home")
    yield up
    end(up)


def end(up: Up) -> None:
    if hasattr(up, "process"):
        up.process.kill()
        up.process.wait()


@linux
def test_up_starts_works_and_stops_at_ctrl_c(one: Up) -> None:
    one.start(flower=0, door=free_port())
    found = one.wait_until_up()
    assert found.pid == one.process.pid
    assert found.flower_url is not None
    assert found.flower_url in one.said
    assert found.redis_url not in one.said, "the password is not for the screen"
    token = (one.home / "api.token").read_text().strip()
    assert f"Dashboard  {found.api_url}" in one.said
    assert f"to sign in to the dashboard: {one.home}/api.token" in one.said
    assert token not in one.said
    engine = open_ledger(f"sqlite:///{one.home / 'ledger.db'}")
    check(engine)
    engine.dispose()
    one.wait_for(lambda: _pong(one))
    one.wait_for(lambda: _serves(found.flower_url))
    one.wait_for(lambda: _serves(f"{found.api_url}/healthz"))
    assert _status(f"{found.api_url}/v1/lanes") == 401
    assert _status(f"{found.api_url}/v1/lanes", token) == 200
    children = one.children()
    assert len(children) == 5
    assert one.stop() < STOPS_WITHIN
    assert one.process.returncode == 0
    assert running(one.home) is None
    assert not [pid for pid in children if lives(pid)]


def _pong(up: Up) -> bool:
    command = [sys.executable, "-m", "celery", "-A", "worker", "inspect", "ping"]
    done = subprocess.run(
        [*command, "--timeout", "2"],
        env=os.environ | {"RESCIND_HOME": str(up.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0 and "pong" in done.stdout


def _serves(url: str | None) -> bool:
    assert url is not None
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _status(url: str, token: str = "") -> int:
    given = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=given), timeout=5
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_second_up_in_the_folder_is_refused_with_a_sentence(one: Up) -> None:
    one.start()
    one.wait_until_up()
    second = Up(one.home)
    second.log = one.home.parent / "second.log"
    second.start()
    assert second.process.wait(30) == 2
    assert f"already runs in {one.home} (process {one.process.pid})" in second.said
    assert "RESCIND_HOME" in second.said
    assert running(one.home) is not None, "the first one's is left alone"
    assert one.process.poll() is None


def test_queued_messages_survive_a_restart(one: Up) -> None:
    one.start()
    first = one.wait_until_up()
    with Redis.from_url(first.redis_url) as client:
        client.set("kept", "yes")
    one.stop(signal.SIGTERM)
    one.log.unlink()
    one.start()
    second = one.wait_until_up()
    assert second.redis_url == first.redis_url
    with Redis.from_url(second.redis_url) as client:
        assert client.get("kept") == b"yes"


@linux
def test_a_redis_that_is_killed_comes_back_with_its_data(one: Up) -> None:
    one.start()
    found = one.wait_until_up()
    server = next(pid for pid in one.children() if _is_valkey(pid))
    with Redis.from_url(found.redis_url) as client:
        client.set("kept", "yes")
    os.kill(server, signal.SIGKILL)
    one.wait_for(lambda: "was ended by SIGKILL unexpectedly" in one.said)
    with Redis.from_url(found.redis_url) as client:
        one.wait_for(lambda: _get(client) == b"yes")
    assert one.stop() < STOPS_WITHIN


def _is_valkey(pid: int) -> bool:
    return b"server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]


def _get(client: Redis) -> object:
    with suppress(OSError, Exception):
        return client.get("kept")
    return None


@linux
def test_no_program_outlives_a_killed_up(one: Up) -> None:
    one.start()
    one.wait_until_up()
    children = one.children()
    one.process.kill()
    one.process.wait()
    deadline = time.monotonic() + 60
    while alive := [pid for pid in children if lives(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


def test_a_second_ctrl_c_stops_immediately(one: Up) -> None:
    one.start()
    one.wait_until_up()
    one.process.send_signal(signal.SIGINT)
    one.wait_for(lambda: "Ctrl-C again: immediately" in one.said)
    assert one.stop() < 5


def test_quiet_writes_the_programs_output_to_a_file(one: Up) -> None:
    one.start(quiet=True)
    one.wait_until_up()
    one.stop()
    assert (one.home / "up.log").exists()
    assert "|" not in one.said


def test_a_redis_that_is_down_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    home = tmp_path / "home"
    up = Up(home, RESCIND_REDIS_URL=f"redis://127.0.0.1:{port}/0")
    try:
        up.start()
        up.wait_for(lambda: "waiting for Redis: " in up.said)
        assert running(home) is None
        with EmbeddedRedis(tmp_path / "redis") as server:
            _forward(up, server, port)
    finally:
        end(up)


def _forward(up: Up, server: EmbeddedRedis, port: int) -> None:
    """Let a Redis without a password appear at ``port``, and see ``up`` go on."""
    with Redis.from_url(server.url) as client:
        client.config_set("requirepass", "")
        client.config_set("port", port)
        up.wait_for(lambda: "Redis answers" in up.said)
        up.wait_until_up()
        assert up.stop(signal.SIGTERM) < STOPS_WITHIN
        client.config_set("port", 0)


def test_waiting_ends_at_ctrl_c(tmp_path: Path) -> None:
    up = Up(tmp_path / "home", RESCIND_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    try:
        up.start()
        up.wait_for(lambda: "waiting for Redis" in up.said)
        assert up.stop() < 5
        assert up.process.returncode == 0
    finally:
        end(up)


def test_a_postgresql_that_is_down_is_waited_for(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    up = Up(tmp_path / "home", RESCIND_DATABASE_URL=url)
    try:
        up.start()
        up.wait_for(lambda: "waiting for the ledger: " in up.said)
        assert up.stop() < STOPS_WITHIN
    finally:
        end(up)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RESCIND_REDIS_URL", "http://here", "is not the URL of a Redis"),
        ("RESCIND_DATABASE_URL", "mysql://here/x", "only sqlite:/// and"),
        ("RESCIND_DATABASE_URL", "nonsense", "RESCIND_DATABASE_URL"),
        (
            "RESCIND_API_PORT",
            "much",
            "RESCIND_API_PORT: Input should be a valid integer",
        ),
        (
            "RESCIND_API_TOKENS",
            "hush-hush",
            "RESCIND_API_TOKENS, number 1: must be such",
        ),
        ("RESCIND_API_HOST", "0.0.0.0", "would listen on 0.0.0.0 without tokens"),
        ("RESCIND_API_RATE", "often", "RESCIND_API_RATE 'often' must be such as"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    value: str,
    says: str,
) -> None:
    # In this process: a process for each costs seconds, and nothing may be started.
    for other in [one for one in os.environ if one.startswith("RESCIND_")]:
        monkeypatch.delenv(other)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESCIND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        assert up(concurrency=2, flower_port=None, api_port=free_port()) == 2
    finally:
        settings.cache_clear()
    said = "".join(capfd.readouterr())
    assert says in said
    assert "hush" not in said
    assert "Rescind is up" not in said


def test_a_wrong_setting_ends_the_process(tmp_path: Path) -> None:
    one = Up(tmp_path / "home", RESCIND_API_TOKENS="hush-hush")
    try:
        one.start(door=free_port())
        assert one.process.wait(60) == 2
        assert "RESCIND_API_TOKENS, number 1: must be such" in one.said
        assert "hush" not in one.said
        assert "Traceback" not in one.said
    finally:
        end(one)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    up = Up(tmp_path / "file" / "home")
    up.log = tmp_path / "log"
    up.start()
    assert up.process.wait(30) == 3
    assert "file" in up.said
    assert "Traceback" not in up.said


def test_a_redis_port_in_use_is_replaced(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        assert free_port(squatter.getsockname()[1]) != squatter.getsockname()[1]


def test_the_banner_shows_faults_of_the_accounts(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, accounts=tmp_path / "none.toml", redis_url=None)
    system = System(chosen)
    assert "does not exist: `rescind init` writes one" in banner(
        system, load_accounts(chosen.accounts)
    )
    assert "Accounts" in banner(system, Accounts())


def test_the_banner_shows_the_schedules_and_their_faults(
    tmp_path: Path,
) -> None:
    path = tmp_path / "schedules.toml"
    chosen = Settings(home=tmp_path, schedules=path, redis_url=None)
    system = System(chosen)
    assert "Schedule" not in banner(system, Accounts())
    path.write_text('[nightly]\nevery = "1s"')
    assert "Schedule   [nightly]: max is required" in banner(system, Accounts())


def test_programs_get_all_settings(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path / "home", redis_url=None, database_url=None)
    system = System(chosen, concurrency=3)
    system.redis_url = "redis://:secret@127.0.0.1:7/0"
    env = system.environment()
    assert env["RESCIND_HOME"] == str(tmp_path / "home")
    assert env["RESCIND_REDIS_URL"] == system.redis_url
    # Every setting, so that no .env file in the program's folder overrides one.
    assert env["RESCIND_DATABASE_URL"] == chosen.database
    assert env["RESCIND_SEAL_KEY"] == chosen.seal_keys()
    assert Path(env["RESCIND_ACCOUNTS"]).is_absolute()
    assert env["RESCIND_CONCURRENCY"] == "3"
