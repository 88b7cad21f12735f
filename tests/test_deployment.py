"""The files that Rescind is run with say what is true, and what they start works."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from celery import Celery
from celery.bin.celery import celery as celery_command
from honcho.environ import parse_procfile

from ledger.seal import new_key
from providers.model import Policy
from providers.registry import BY_NAME
from sandbox import running
from tests.conftest import free_port
from worker.accounts import load_accounts
from worker.schedules.rules import SOURCES, Schedules, load_schedules

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
RESCIND = [sys.executable, "-m", "worker.cli"]
SETTINGS = {
    "RESCIND_HOME",
    "RESCIND_REDIS_URL",
    "RESCIND_DATABASE_URL",
    "RESCIND_ACCOUNTS",
    "RESCIND_API_TOKENS",
    "RESCIND_API_HOST",
    "RESCIND_API_PORT",
    "RESCIND_API_RATE",
    "RESCIND_SEAL_KEY",
    "RESCIND_LOG_FORMAT",
    "RESCIND_RETENTION",
    "RESCIND_SCHEDULES",
    "RESCIND_WEBHOOK_SECRET",
    "RESCIND_WEBHOOK_HOSTS",
    "RESCIND_WEBHOOK_PRIVATE",
}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
REFERENCE = re.compile(r"\$\{(\w+)(:?[-?])?([^}]*)\}")
PROCFILE: Mapping[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
ENV_TEXT = (ROOT / ".env.example").read_text()
ENV_EXAMPLE = dict(re.findall(r"(?m)^(\w+)=(.*)$", ENV_TEXT))


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """As Compose does it, as far as the file makes use of it."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if values.get(name):
            return values[name]
        assert operator == ":-", f"{name} is required: {word}"
        return str(word)

    return REFERENCE.sub(value, text).replace("$$", "$")


# --- docker-compose.yml, read -------------------------------------------------------


def test_the_services_are_the_whole_system() -> None:
    assert set(SERVICES) == {
        "redis",
        "postgres",
        "migrate",
        "worker",
        "beat",
        "flower",
        "api",
    }
    assert {"migrate", "worker", "beat", "flower", "api"} == OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_exists(name: str) -> None:
    _assert_runnable(SERVICES[name]["command"])


@pytest.mark.parametrize("name", sorted(PROCFILE))
def test_every_line_of_the_procfile_exists(name: str) -> None:
    words = PROCFILE[name].split("exec ")[-1].split()
    _assert_runnable(words)


def _assert_runnable(words: list[str]) -> None:
    if words[0] == "celery":
        assert words[1:3] == ["-A", "worker"]
        assert words[3] in celery_command.commands
        return
    if words[0] == "python":
        assert words[1] == "-m"
        assert find_spec(f"{words[2]}.__main__")
        return
    assert words[0] == "rescind"
    told = subprocess.run(
        [*RESCIND, *words[1:], "--help"], cwd=ROOT, capture_output=True, check=False
    )
    assert told.returncode == 0


def test_the_procfile_starts_what_compose_starts() -> None:
    assert set(PROCFILE) == OURS - {"migrate"}


def test_redis_keeps_what_is_queued_and_evicts_nothing() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"].startswith("${REDIS_PASSWORD:?")


@pytest.mark.parametrize(
    ("service", "folder"),
    [("redis", "/data"), ("postgres", "/var/lib/postgresql")],
)
def test_what_is_kept_is_on_a_named_volume(service: str, folder: str) -> None:
    (mount,) = SERVICES[service]["volumes"]
    volume, where = mount.split(":")
    assert volume in COMPOSE["volumes"]
    assert where == folder


def test_no_port_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    found = {name: operator for name, operator, _ in REFERENCE.findall(text)}
    settings = ("RETENTION", "API_RATE", "SCHEDULES", "LOG_FORMAT", "UID")
    for plain in settings:
        assert found.pop(f"RESCIND_{plain}") == ":-"
    assert set(found) == {
        "FLOWER_BASIC_AUTH",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "RESCIND_API_TOKENS",
        "RESCIND_SEAL_KEY",
    }
    assert set(found.values()) == {":?"}


def test_credentials_are_given_to_those_alone_that_know_the_lanes() -> None:
    given = {name for name in OURS if {"secrets", "env_file"} & set(SERVICES[name])}
    assert given == {"worker", "api"}
    sealing = {n for n in OURS if "RESCIND_SEAL_KEY" in SERVICES[n]["environment"]}
    assert sealing == {"worker", "api", "migrate"}


def test_the_door_opens_whether_or_not_redis_is_there() -> None:
    assert "redis" not in SERVICES["api"]["depends_on"]


def test_whatever_stays_up_is_watched_and_restarted() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] != "no"
        assert ("healthcheck" in service) == (name != "migrate")


def test_nothing_starts_before_what_it_needs() -> None:
    for name in ("worker", "beat"):
        needs = SERVICES[name]["depends_on"]
        done = {"condition": "service_completed_successfully"}
        assert needs["migrate"] == done
        assert needs["redis"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["depends_on"] == {
        "redis": {"condition": "service_healthy"},
        "postgres": {"condition": "service_healthy"},
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_the_image_is_made_from_hashes_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--require-hashes" in x or "--no-index" in x for x in installs)
    assert "USER rescind" in lines
    copied = [w for x in lines if x.startswith("COPY ") for w in x.split()[1:-1]]
    there = [w for w in copied if not w.startswith(("/", "--"))]
    assert there
    assert all((ROOT / name).exists() for name in there)
    # .dockerignore lets in what the image is made of, and nothing else.
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert sorted(w for w in there) == sorted(x[1:] for x in ignore if x[:1] == "!")


def test_what_the_image_copies_is_enough_to_build_it(tmp_path: Path) -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [w for x in lines if x.startswith("COPY ") for w in x.split()[1:-1]]
    for name in (w for w in copied if not w.startswith(("/", "--"))):
        there = ROOT / name
        copy = shutil.copytree if there.is_dir() else shutil.copy
        copy(there, tmp_path / name)
    build = ("wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", "wheels")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *build, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = (tmp_path / "wheels").glob("rescind-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for room in ("api", "desk", "ledger", "providers", "tasks", "worker"):
        files = [f for f in (ROOT / room).rglob("*") if f.is_file()]
        names = {
            str(f.relative_to(ROOT)) for f in files if "__pycache__" not in f.parts
        }
        assert names <= held
    assert "worker/examples/cancellations.csv" in held


# --- .env.example -------------------------------------------------------------------


def test_the_example_environment_names_every_setting() -> None:
    names = set(ENV_EXAMPLE)
    assert {n for n in names if n.startswith("RESCIND_")} - {"RESCIND_UID"} == SETTINGS
    text = (ROOT / "docker-compose.yml").read_text()
    assert {name for name, *_ in REFERENCE.findall(text)} <= names


def test_the_example_environment_holds_no_secret() -> None:
    values = {k: v for k, v in ENV_EXAMPLE.items() if v}
    assert values == {
        "RESCIND_HOME": ".rescind",
        "RESCIND_ACCOUNTS": "accounts.toml",
        "RESCIND_UID": "1000",
    }


# --- accounts.example.toml ----------------------------------------------------------

ACCOUNTS = (ROOT / "accounts.example.toml").read_text()
SCHEDULES = (ROOT / "schedules.example.toml").read_text()


def _placeholders(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names = set(re.findall(r'(?m)^\w+ = \{ env = "(\w+)"', ACCOUNTS))
    for name in names:
        monkeypatch.setenv(name, "placeholder")
    return names


def test_the_example_accounts_are_good_for_all_providers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = _placeholders(monkeypatch)
    accounts = load_accounts(ROOT / "accounts.example.toml")
    assert accounts.fault is None
    assert {provider for provider, _ in accounts.lanes} == set(BY_NAME)
    for (provider, _), lane in accounts.lanes.items():
        assert lane.fault is None
        assert lane.policy == BY_NAME[provider].policy
    # Each credential is offered in .env.example, and no other.
    scheduled = set(re.findall(r'(?m)^[^#\n]*env = "(\w+)"', SCHEDULES))
    offered = set(re.findall(r"(?m)^#([A-Z]\w+)=", ENV_TEXT))
    assert offered == names | scheduled


def _commented(section: str) -> dict[str, Any]:
    """The settings that are commented out, as if they were not."""
    lines = re.findall(r"^# (\w+ = .+)$", section, re.MULTILINE)
    return tomllib.loads("\n".join(lines))


def _section(provider: str) -> str:
    (found,) = re.findall(
        rf"^\[{provider}\.[^\]]+\]\n(.*?)(?=\n# ---)",
        ACCOUNTS,
        re.MULTILINE | re.DOTALL,
    )
    return str(found)


@pytest.mark.parametrize("provider", sorted(BY_NAME))
def test_the_example_overrides_are_what_holds_anyway(provider: str) -> None:
    policy, model = BY_NAME[provider].policy, BY_NAME[provider].account_model
    commented = _commented(_section(provider))
    account = {k: v for k, v in commented.items() if k in model.model_fields}
    overrides = {k: v for k, v in commented.items() if k not in account}
    assert set(overrides) == policy.model_fields_set
    assert policy.overridden(overrides) == policy
    for name in ("base_url", "track_url", "api_prefix"):
        default = model.model_fields[name].default if name in account else None
        assert account.get(name) == default or not default


def test_the_example_lists_every_policy_value_with_its_default() -> None:
    common = ACCOUNTS.rpartition("# --- what every account has")[2]
    listed = _commented(common)
    assert listed.pop("allow_plain_http") is False
    fields = Policy.model_fields
    schedules = {name for name, field in fields.items() if field.is_required()}
    assert set(listed) == set(fields) - schedules
    assert all(name in common for name in schedules)
    anything = {name: (timedelta(1),) for name in schedules}
    assert Policy.model_validate({**listed, **anything}) == Policy(**anything)


# --- schedules.example.toml ---------------------------------------------------------


def test_the_example_schedules_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    _placeholders(monkeypatch)
    accounts = load_accounts(ROOT / "accounts.example.toml")
    found = load_schedules(ROOT / "schedules.example.toml")
    assert (found.fault, found.faults, found.warnings) == (None, {}, ())
    assert {type(rule.source) for rule in found.rules.values()} == set(SOURCES.values())
    for rule in found.rules.values():
        constants = rule.recipe.constants
        lane = (constants["provider"], constants.get("account", "default"))
        assert accounts.fault_of(lane) is None


def test_without_a_schedules_file_compose_schedules_nothing() -> None:
    file = interpolated(COMPOSE["secrets"]["schedules"]["file"], {})
    assert load_schedules(Path(file)) == Schedules()
    given = SERVICES["worker"]["environment"]["RESCIND_SCHEDULES"]
    assert given == "/run/secrets/schedules.toml"


# --- what they start, started -------------------------------------------------------


@contextmanager
def started(
    command: list[str], env: Mapping[str, str], log: Path, cwd: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT
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
    """Nothing of this process's own settings, and a folder of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND_")}
    clean = {k: v for k, v in clean.items() if not k.startswith("FLOWER_")}
    clean["PATH"] = f"{BIN}{os.pathsep}{clean['PATH']}"
    return {**clean, "RESCIND_HOME": str(tmp_path), **more}


def flower(env: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "celery"), "-A", "worker", "flower", *options],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


NOWHERE = "redis://127.0.0.1:1/0"


ANYWHERE = "0.0.0.0"
Given = tuple[dict[str, str], list[str]]
"""Variables and options that Flower is started with."""
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
def flowers() -> dict[str, list[str]]:
    """What Flower does with each of these, when it would begin to listen."""
    given = [
        one for known in (SHUT, LISTENS) for some in known.values() for one in some
    ]
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE],
        cwd=ROOT,
        env=environment(ROOT),
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


def test_flower_says_so_and_ends_when_it_is_started(tmp_path: Path) -> None:
    env = environment(tmp_path, RESCIND_REDIS_URL=NOWHERE, FLOWER_ADDRESS=ANYWHERE)
    ended = flower(env)
    assert ended.returncode == 1
    assert "set FLOWER_BASIC_AUTH to user:password" in ended.stderr
    assert "Traceback" not in ended.stderr


def _answer(url: str, user: str | None = None) -> int:
    request = urllib.request.Request(url)
    if user:
        token = base64.b64encode(user.encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _await(
    done: Any, process: subprocess.Popen[bytes], log: Path, seconds: float = 45
) -> None:
    give_up = time.monotonic() + seconds
    while not done():
        said = log.read_text(errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < give_up, said
        time.sleep(0.1)


def _responds(url: str) -> bool:
    try:
        return _answer(url) == 200
    except OSError:
        return False


def test_flower_keeps_to_this_machine_by_default(
    tmp_path: Path, valkey_url: str
) -> None:
    port = str(free_port())
    env = environment(tmp_path, RESCIND_REDIS_URL=valkey_url, FLOWER_PORT=port)
    log = tmp_path / "log"
    command = [str(BIN / "celery"), "-A", "worker", "flower"]
    with started(command, env, log) as process:
        _await(lambda: _responds(f"http://127.0.0.1:{port}/healthcheck"), process, log)
        assert _answer(f"http://127.0.0.1:{port}/workers") == 200
        assert _answer(f"http://127.0.0.1:{port}/api/workers") == 401
        # The rest of 127/8 stands for any other interface.
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.2:{port}/", timeout=5)


def test_flower_remembers_in_a_file_that_is_its_own(
    tmp_path: Path, valkey_url: str
) -> None:
    """Told to end it saves; started again it knows what it saw."""
    port, home = str(free_port()), tmp_path / "home"
    env = environment(tmp_path, RESCIND_REDIS_URL=valkey_url, FLOWER_PORT=port)
    env |= {"RESCIND_HOME": str(home), "FLOWER_UNAUTHENTICATED_API": "true"}
    command = [str(BIN / "celery"), "-A", "worker", "flower"]
    tasks = f"http://127.0.0.1:{port}/api/tasks"

    def seen() -> bool:
        with Celery(broker=valkey_url) as app, app.events.default_dispatcher() as tell:
            tell.send("task-sent", uuid="seen-before", name="notpanel.cancel")
        return _responds(tasks) and "seen-before" in _body(tasks)

    for number, condition in enumerate((seen, lambda: "seen-before" in _body(tasks))):
        log = tmp_path / f"log {number}"
        with started(command, env, log) as process:
            _await(lambda: _responds(tasks), process, log)
            _await(condition, process, log)
    kept = [path for path in home.iterdir() if path.name.startswith("flower.db")]
    assert kept
    for path in kept:
        assert path.stat().st_mode & 0o077 == 0, path


def _body(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


TWICE = {
    "worker": ["-n", "second@%h", "-c", "7"],
    "beat": ["--schedule", "{}/second-schedule"],
}
"""Options of the second of them: in containers, names and folders are their own."""
API_TOKEN = "0123456789abcdef-shop"


def _submitted(base: str) -> Callable[[], str]:
    """Submits one through the door; gives back what tells its state."""
    given = {"Authorization": f"Bearer {API_TOKEN}"}
    entry = {"provider": "notpanel", "order": "ord_1"}
    url = f"{base}/v1/cancellations"
    sent = requests.post(url, json=entry, headers=given, timeout=10)
    assert sent.status_code == 202
    assert requests.get(f"{base}/healthz", timeout=10).status_code == 200
    where = base + sent.headers["Location"]
    return lambda: str(requests.get(where, headers=given, timeout=10).json()["state"])


def test_every_service_of_compose_runs_and_is_healthy_and_they_cancel_together(
    tmp_path: Path, valkey_url: str, postgres_empty_url: str
) -> None:
    port, door = str(free_port()), str(free_port())
    values = {
        "REDIS_PASSWORD": "r",
        "POSTGRES_PASSWORD": "p",
        "FLOWER_BASIC_AUTH": "ann:secret",
        "RESCIND_SEAL_KEY": new_key(),
        "RESCIND_API_TOKENS": f"shop:submit+read:{API_TOKEN}",
    }
    hosts = {
        "RESCIND_REDIS_URL": valkey_url,
        "RESCIND_DATABASE_URL": postgres_empty_url,
        "RESCIND_HOME": str(tmp_path),
        "RESCIND_ACCOUNTS": str(tmp_path / "accounts.toml"),
        "RESCIND_SCHEDULES": str(tmp_path / "schedules.toml"),
        "FLOWER_PORT": port,
        "FLOWER_DB": str(tmp_path / "flower.db"),
        "HOSTNAME": os.uname().nodename,
    }
    pids: dict[str, int] = {}

    def env(name: str) -> dict[str, str]:
        given = SERVICES[name]["environment"].items()
        text = {k: interpolated(str(v), values) for k, v in given}
        mine = {k: v for k, v in hosts.items() if k in text or "RESCIND" not in k}
        return environment(tmp_path, **{**text, **mine}, RESCIND_API_PORT=door)

    def local(text: str) -> str:
        """Containers have a /tmp and ports of their own, and more patience."""
        text = interpolated(text, values).replace("/tmp", str(tmp_path))
        text = text.replace("/proc/1/", f"/proc/{pids.get('beat', 0)}/")
        text = text.replace("5555", port).replace("8080", door)
        return text.replace("--timeout 10", "--timeout 2")

    def healthy(name: str) -> bool:
        kind, *words = (local(word) for word in SERVICES[name]["healthcheck"]["test"])
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        checked = subprocess.run(
            command, cwd=ROOT, env=env(name), capture_output=True, check=False
        )
        return checked.returncode == 0

    def command(name: str) -> list[str]:
        words = [local(word) for word in SERVICES[name]["command"]]
        start = RESCIND if words[0] == "rescind" else [str(BIN / words[0])]
        return [*start, *words[1:]]

    migrated = subprocess.run(
        command("migrate"), env=env("migrate"), cwd=ROOT, check=False
    )
    assert migrated.returncode == 0
    with ExitStack() as stack:
        box = stack.enter_context(running())
        (tmp_path / "accounts.toml").write_text(
            f'[notpanel.default]\nkey = "k"\nbase_url = "{box.base_url("notpanel")}"\n'
        )
        for name, more in TWICE.items():
            again = [*command(name), *(word.format(tmp_path) for word in more)]
            log = tmp_path / f"second {name}.log"
            stack.enter_context(started(again, env(name), log))
        for name in ("worker", "beat", "flower", "api"):
            assert not healthy(name)
            log = tmp_path / f"{name}.log"
            process = stack.enter_context(started(command(name), env(name), log))
            pids[name] = process.pid
            if name != "beat" or sys.platform == "linux":
                _await(partial(healthy, name), process, log)
        workers = f"http://127.0.0.1:{port}/workers"
        assert _answer(workers) == 401
        assert _answer(workers, "ann:wrong") == 401
        assert _answer(workers, "ann:secret") == 200
        state = _submitted(f"http://127.0.0.1:{door}")
        _await(lambda: state() == "cancelled", process, log)
        events = [one["op"] for one in box.order("notpanel", "ord_1")["events"]]
        assert events.count("cancel") == 1
    logs = list(tmp_path.glob("*.log"))
    assert len(logs) == 6
    for log in logs:
        assert "Traceback" not in log.read_text()
