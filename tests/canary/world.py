"""A whole system at work on marked values, and everything that it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote, urlsplit

import redis
import requests
from celery import Celery
from pydantic import SecretStr
from sqlalchemy import Engine, inspect, text

from ledger.database import open_ledger, reading
from ledger.queries import Filter, list_rows
from ledger.seal import new_key
from sandbox import Sandbox, running
from sandbox.faults import KINDS
from tests.canary.marks import AWKWARD, HOLDER, IBAN, PREFIX, SPACED, STEM, marked
from tests.conftest import free_port
from worker.cli import main
from worker.settings import Settings, settings
from worker.system import System

QUICK = """
connect_timeout = 2
read_timeout = 1
rate = "none"
read_rate = "none"
resend_delays = [0.1]
verify_delays = [0.1]
poll_delays = [0.1]
active_trusted_after = 0.2
verify_for = 1
poll_for = 1
trip_after = 100
backoff = [0.1]
"""
ENVIRONMENT = {
    "CANARY_HASH": marked("hash"),
    "CANARY_APP": marked("app"),
    # Of letters and digits, as many as base64 takes four by four.
    "RESCIND_WEBHOOK_SECRET": f"whsec_{STEM}{'A' * 10}{STEM}",
    "RESCIND_WEBHOOK_HOSTS": "127.0.0.1:*",
    "RESCIND_WEBHOOK_PRIVATE": "true",
    "FLOWER_BASIC_AUTH": f"ann:{marked('flower')}",
    "FLOWER_PERSISTENT": "true",
    "FLOWER_STATE_SAVE_INTERVAL": "500",
}
API_TOKEN = marked("api-token")
FAULTS = [kind for kind in KINDS if not kind.startswith(("slow", "throttle"))]
"""Those that take no time: what is waited for says nothing new."""
REFUNDS, OTHERS = 16, 6
PATIENCE = 40.0
ON_PURPOSE = {
    "accounts.toml",
    "cancellations.jsonl",
    "password",
    "refunds.jsonl",
    "running.json",
    "schedules.toml",
    "seal.key",
    "secret",
    "valkey.conf",
}
"""Files that hold secrets because they must, and that nobody else may read."""


def lanes(box: Sandbox, secret: Path) -> dict[str, str]:
    """Accounts with credentials of every form: written, from the environment, a file;
    good ones, and such as are refused or lead nowhere."""
    secret.write_text(f"{marked('file')}\n")
    secret.chmod(0o600)
    panel, web, meal = (box.base_url(n) for n in ("notpanel", "akinon", "dukkango"))
    env, file = '{ env = "%s" }', f'{{ file = "{secret}" }}'
    nowhere = f"http://127.0.0.1:{free_port()}"
    login = f'rest_secret_key = "wrong"\napp_secret_key = "{marked("wrong-app")}"'
    user = f'username = "{marked("user")}"\npassword = {json.dumps(AWKWARD)}'
    ship = f'access_token = "{marked("access")}"\nsecret_key = {file}'
    here = box.base_url("ithink")
    return {
        "iletimerkezi.default": f'key = "{marked("sms")}"\nhash = {env}\n'
        'base_url = "%s"' % ("CANARY_HASH", box.base_url("iletimerkezi")),
        "dukkango.default": f"app_secret_key = {env}\nrest_secret_key = {file}\n"
        f'base_url = "{meal}"' % "CANARY_APP",
        "dukkango.wrong": f'{login}\nbase_url = "{meal}"',
        "akinon.default": f'{user}\nbase_url = "{web}"',
        "akinon.static": f'token = "{marked("static")}"\nbase_url = "{web}"',
        "ithink.default": f'{ship}\nbase_url = "{here}"\ntrack_url = "{here}"',
        "notpanel.default": f'key = {file}\nbase_url = "{panel}"',
        "notpanel.down": f'key = "{marked("down")}"\nbase_url = "{nowhere}"',
    }


def _schedules(home: Path) -> Path:
    """Rules whose sources are away, and such as are refused what they ask."""
    nowhere, key = f"127.0.0.1:{free_port()}", marked("feed")
    url = f"postgresql://ann:{marked('shop')}@{nowhere}/shop?sslmode=disable"
    headers = f'{{ Authorization = "{key}" }}'
    sources = {
        "by-sql": f'{{ sql = "SELECT 1", database = "{url}" }}',
        "by-wrong-url": f'{{ sql = "SELECT 1", database = "{url}&{key}={key}" }}',
        "by-feed": f'{{ url = "http://{nowhere}/?token={key}", format = "json",'
        f" headers = {headers} }}",
        "by-header": f'{{ url = "http://{nowhere}/", format = "json",'
        f' headers = {{ X = "{key}\\n" }} }}',
        "by-file": f'{{ file = "{home / "refunds.jsonl"}" }}',
    }
    rules = [
        f'[{name}]\nevery = "1h"\nmax = 5\nprovider = "akinon"\nsource = {source}\n'
        'map = { order = "order", params = "params", "metadata.x" = "x?" }\n'
        for name, source in sources.items()
    ]
    (home / "refunds.jsonl").write_text(json.dumps(refund(70_005)))
    path = home / "schedules.toml"
    path.write_text("\n".join(rules))
    path.chmod(0o600)
    return path


def refund(number: int, iban: str = IBAN, **more: Any) -> dict[str, Any]:
    """A web order whose money goes back to somebody's bank account."""
    personal = {"ibans": {"101": iban}, "holder_names": {"101": HOLDER}}
    params = {"is_all": True, "reasons": {"101": 2}, **personal}
    return {"provider": "akinon", "order": str(number), "params": params, **more}


def entries() -> list[dict[str, Any]]:
    """Good ones of every provider, and such as are refused in each way there is."""
    good = [refund(50_000 + n, IBAN if n % 2 else SPACED) for n in range(REFUNDS)]
    told = {"callback_url": f"http://127.0.0.1:{free_port()}/hook"}
    for n in range(OTHERS):
        good += [
            {"provider": "iletimerkezi", "order": str(60_000 + n)},
            {"provider": "ithink", "order": f"8621001{n:04}"},
            {"provider": "notpanel", "order": f"ord_{n:04}", **told},
            {
                "provider": "dukkango",
                "order": f"3e9caf87-5cb7-4c4e-adcb-fc2ec54c{n:04x}",
                "params": {"reason_id": 4},
            },
        ]
    stuck = [
        refund(70_001, account="static"),
        {"provider": "notpanel", "order": "ord_9", "account": "down"},
        {**good[-1], "account": "wrong"},
    ]
    swapped, listed = refund(70_002), refund(70_003)
    swapped["params"]["ibans"] = {IBAN: "101"}
    listed["params"]["ibans"] = [IBAN, SPACED]
    nobody = refund(70_004, account="nobody")
    return [*good, *stuck, swapped, listed, nobody, {**refund(1), "iban": IBAN}]


@dataclass
class World:
    """The system, and what was seen of it."""

    system: System
    box: Sandbox
    home: Path
    said: list[str] = field(default_factory=list)
    seen: dict[str, bytes] = field(default_factory=dict)
    commands: dict[int, bytes] = field(default_factory=dict)

    @property
    def secrets(self) -> list[str]:
        """Secrets that were made by chance."""
        made = [self.system.settings.seal_keys()]
        return [*made, str(urlsplit(self.system.redis_url).password)]


@contextlib.contextmanager
def at_work(home: Path, database: str | None) -> Iterator[World]:
    """A system that has done its work; what it keeps on disk is complete after it."""
    options = {"faults": 0.1, "kinds": FAULTS, "settle": 0.2, "lag": 0.1}
    said: list[str] = []
    variables = {**ENVIRONMENT, "FLOWER_DB": str(home / "flower.db")}
    with (
        running(**options, cooldown=0.3) as box,
        mock.patch.dict(os.environ, variables),
    ):
        box.settings(echo=True, token_prefix=PREFIX)
        accounts = home / "accounts.toml"
        tables = lanes(box, home / "secret")
        accounts.write_text("\n".join(f"[{n}]\n{t}{QUICK}" for n, t in tables.items()))
        accounts.chmod(0o600)
        chosen = Settings(
            home=home,
            accounts=accounts,
            schedules=_schedules(home),
            redis_url=None,
            database_url=SecretStr(database) if database else None,
            seal_key=SecretStr(new_key()) if database else None,
            api_tokens=SecretStr(f"canary:submit+read+operate:{API_TOKEN}"),
            api_rate="100000/second",
        )
        system = System(
            chosen,
            concurrency=8,
            # Its pages know no ledger: to look at them once is enough.
            flower_port=None if database else free_port(),
            api_port=free_port(),
            loglevel="DEBUG",
            say=lambda name, line: said.append(f"{name}: {line}"),
        )
        with system:
            world = World(system, box, home, said)
            _work(world)
            yield world
    world.seen["logs"] = "\n".join(said).encode()
    for path in home.rglob("*"):
        if path.is_file() and path.name not in ON_PURPOSE:
            world.seen.setdefault(f"file {path.relative_to(home)}", path.read_bytes())


# --- at work --------------------------------------------------------------------------


def _work(world: World) -> None:
    listed = entries()
    file = world.home / "cancellations.jsonl"
    lines = [json.dumps(one, ensure_ascii=False) for one in listed[:REFUNDS]]
    # Lines that cannot be read, with what they hold.
    lines += [f'{{"order": "{IBAN}"', f'{{"order": NaN, "x": "{IBAN}"}}', IBAN]
    file.write_text("\n".join(lines))
    _submit(world, str(file))
    _produce(world, listed[REFUNDS - 5 :])
    _spoil(world)
    _knock(world, listed)
    _until(world, lambda: _is_done(world), "the work")
    _gather(world)


def _produce(world: World, rest: list[dict[str, Any]]) -> None:
    with Celery(broker=world.system.redis_url) as producer:
        others: list[dict[str, Any]] = [refund(50_000, SPACED.replace("56", "65"))]

        def send(name: str = "rescind.submit", **kwargs: Any) -> None:
            producer.send_task(name, kwargs=kwargs, queue="rescind")

        send(cancellations=[*rest, *others])
        send("rescind.sumbit", cancellations=[refund(80_001)])
        send("akinon.cancel", cancellations=[refund(80_002)])
        send(cancelations=[refund(80_003)])
        send(cancellations=refund(80_004))
        send(cancellations=[[refund(80_005)], SPACED, None])
        send(cancellations=[refund(80_006)] * 1001)
        producer.send_task("rescind.submit", args=[IBAN, HOLDER], queue="rescind")


def _spoil(world: World) -> None:
    """Bodies that cannot be decoded, or hold no call, or come with few headers."""
    head = {"task": "rescind.submit", "id": "spoilt", "kwargsrepr": IBAN}
    whole = {"content-type": "application/json", "content-encoding": "utf-8"}
    where = {"exchange": "", "routing_key": "rescind"}
    short = json.dumps([[IBAN], {}, {}]).encode()
    bodies = (b"\xff" + IBAN.encode(), b"{" + IBAN.encode(), b'"x"', short)
    with redis.Redis.from_url(world.system.redis_url) as client:
        for number, body in enumerate(bodies):
            properties = {"delivery_tag": f"spoilt-{number}", "delivery_info": where}
            properties |= {"body_encoding": "base64"}
            coded = base64.b64encode(body).decode()
            message = {**whole, "headers": head, "properties": properties}
            client.lpush("rescind", json.dumps({**message, "body": coded}))
        client.lpush("rescind", json.dumps({"body": IBAN, "headers": head}))
        client.lpush("notpanel", IBAN)


def _knock(world: World, listed: list[dict[str, Any]]) -> None:
    """Through the HTTP door: good ones, wrong ones, and what is no JSON."""
    base = world.system.api_url or ""
    _until(world, lambda: _knocked(f"{base}/readyz") is not None, "the door")
    wrong = {**refund(90_001), "params": {"ibans": {IBAN: HOLDER}}}
    swapped = refund(50_000, SPACED.replace("56", "65"))
    whole = json.dumps({"cancellations": [*listed, wrong, swapped, IBAN]})
    misnamed = {**refund(90_003), "params": {"is_all": True, IBAN: 1, HOLDER: 1}}
    good = (refund(90_002), wrong, misnamed, {IBAN: HOLDER}, [IBAN])
    broken = (f'{{"{IBAN}"', f'{{"a": NaN, "{IBAN}": 1}}')
    for number, body in enumerate((whole, *map(json.dumps, good), *broken)):
        _ask(world, f"sent {number}", "/v1/cancellations", body)


def _knocked(url: str, body: str | None = None, token: str = API_TOKEN) -> bytes | None:
    """All that the door answers, headers too; ``None`` if nobody is there."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.headers) + bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return bytes(error.headers) + error.read()
    except OSError:
        return None


def _ask(world: World, name: str, path: str, body: str | None = None) -> None:
    answer = _knocked(f"{world.system.api_url}{path}", body)
    assert answer is not None, path
    world.seen[f"door {name}"] = answer


def _from_door(world: World) -> None:
    for path in (
        *("/v1/cancellations?limit=1000", "/v1/cancellations?provider=akinon"),
        *("/v1/lanes?exact=true", "/metrics", "/healthz", "/readyz"),
        f"/v1/cancellations/akinon/default/{50_000}",
        f"/v1/cancellations/{IBAN}",
        f"/v1/cancellations?limit={IBAN}&state={IBAN}&cursor={IBAN}",
        f"/v1/{IBAN}",
    ):
        _ask(world, path.replace(IBAN, "…"), path)
    refused = _knocked(f"{world.system.api_url}/v1/lanes", token=marked("nobody"))
    world.seen["door refused"] = refused or b""


def _is_done(world: World) -> bool:
    with redis.Redis.from_url(world.system.redis_url) as client:
        if client.llen("rescind") or client.hlen("rescind:unacked"):
            return False
    engine = open_ledger(world.system.settings.database)
    try:
        with reading(engine) as connection:
            rows = list_rows(connection, Filter(account="default"), 10_000)
    finally:
        engine.dispose()
    all_of_them = len(rows) > REFUNDS + 4 * OTHERS
    return all_of_them and all(row.finished_at for row in rows)


def _until(world: World, condition: Any, what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"in vain for {what}: " + "\n".join(world.said[-50:]))
        _note_commands(world)
        time.sleep(0.05)


# --- what is to be seen ---------------------------------------------------------------


def _gather(world: World) -> None:
    _note_commands(world)
    _from_commands(world)
    if world.system.flower_url:
        _from_flower(world)
    _from_desk(world)
    _from_door(world)
    _from_redis(world)
    engine = open_ledger(world.system.settings.database)
    world.seen["ledger, row by row"] = _rows(engine)
    engine.dispose()
    for path in world.home.glob("ledger.db*"):
        world.seen[f"{path.name} at work"] = path.read_bytes()
    world.seen["process arguments"] = b"\n".join(world.commands.values())


def _note_commands(world: World) -> None:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes()
            if STEM.encode() in environment or world.box.pid == int(folder.name):
                world.commands[int(folder.name)] = (folder / "cmdline").read_bytes()


def _submit(world: World, file: str) -> None:
    # In a process of its own: this one's Celery app is for another broker.
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "submit", file, "--json"],
        env=world.system.environment(),
        capture_output=True,
        check=False,
    )
    world.seen["submit"] = done.stdout + done.stderr


def _cli(world: World, *words: str) -> None:
    """One command that wakes nobody; what it says goes to what was seen."""
    env = world.system.environment()
    out = io.StringIO()
    settings.cache_clear()
    with (
        mock.patch.dict(os.environ, env),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        main(list(words))
    settings.cache_clear()
    world.seen[" ".join(words)] = out.getvalue().encode()


def _from_commands(world: World) -> None:
    _cli(world, "list", "--limit", "10000", "--json")
    _cli(world, "list", "--limit", "10000")
    found = world.seen["list --limit 10000 --json"].splitlines()
    for record in map(json.loads, found):
        if record["provider"] == "akinon" or record["account"] != "default":
            _cli(world, "show", record["id"], "--json")
    _cli(world, "show", json.loads(found[-1])["id"])
    for words in (["webhooks"], ["webhooks", "--json"]):
        _cli(world, *words)
    for words in (["lanes"], ["lanes", "--json"], ["doctor"], ["doctor", "--json"]):
        _cli(world, *words)
    for name in ("by-sql", "by-wrong-url", "by-feed", "by-header", "by-file"):
        _cli(world, "schedule", "run", name, "--dry-run", "--json")
        if name != "by-file":  # it would wake somebody
            _cli(world, "schedule", "run", name)
        _cli(world, "schedule", "runs", name)
    _cli(world, "schedule", "list", "--json")
    _cli(world, "seal-key", "--rotate")


def _from_flower(world: World) -> None:
    base = world.system.flower_url or ""
    headers = {"Authorization": f"Basic {_basic(ENVIRONMENT['FLOWER_BASIC_AUTH'])}"}

    def get(path: str) -> bytes:
        request = urllib.request.Request(base + path, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            world.seen[f"flower {path}"] = body = bytes(answer.read())
        return body

    tasks: Mapping[str, Any] = json.loads(get("/api/tasks?limit=2000"))
    workers = json.loads(get("/api/workers?refresh=1"))
    paths = ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/task/types"]
    paths += [f"/worker/{quote(name)}" for name in workers]
    for one in _of_each_name(tasks):
        paths += [f"/task/{one}", f"/api/task/info/{one}"]
    for path in paths:
        get(path)


def _of_each_name(tasks: Mapping[str, Any]) -> list[str]:
    submits = [k for k, v in tasks.items() if v["name"] == "rescind.submit"]
    firsts = {v["name"]: k for k, v in tasks.items()}
    return [*submits, *firsts.values()]


def _basic(user: str) -> str:
    return base64.b64encode(user.encode()).decode()


def _from_desk(world: World) -> None:
    """Its pages, as somebody sees them who came in with a marked token."""
    base = world.system.api_url or ""
    with requests.Session() as visitor:
        _until(world, lambda: _answers(base), "the desk")
        form = {"token": API_TOKEN}
        signed_in = visitor.post(f"{base}/desk/sign-in", data=form, timeout=20)
        world.seen["desk cookie"] = str(visitor.cookies.get_dict()).encode()
        assert signed_in.ok
        paths = ["/", "/desk/groups", "/desk/search?q=50001"]
        paths += [f"/desk/ended?state={s}" for s in ("failed", "rejected", "expired")]
        listed = world.seen["list --limit 10000 --json"].splitlines()
        for record in map(json.loads, listed):
            if record["provider"] == "akinon" or record["account"] != "default":
                paths.append(f"/desk/cancellations/{record['id']}")
        for path in paths:
            page = visitor.get(base + path, timeout=20)
            assert page.status_code == 200, page.text
            world.seen[f"desk {path}"] = page.content


def _answers(base: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{base}/desk/sign-in", timeout=20).ok
    return False


def _from_redis(world: World) -> None:
    """Every value, and what a dump and a log that are written anew hold."""
    with redis.Redis.from_url(world.system.redis_url) as client:
        # Else the searcher would look at compressed texts.
        client.config_set("rdbcompression", "no")
        keys = client.keys("*")
        world.seen["redis, key by key"] = b"\n".join(
            part for key in keys for part in (key, client.dump(key) or b"")
        )
        client.bgrewriteaof()
        _until(world, lambda: not _busy(client), "the log")
        client.bgsave()
        _until(world, lambda: not _busy(client), "the dump")
    for path in (world.home / "valkey").rglob("*"):
        if path.is_file() and path.name not in ON_PURPOSE:
            world.seen[f"redis {path.name}"] = path.read_bytes()


def _busy(client: redis.Redis) -> bool:
    info: Mapping[str, Any] = client.info("persistence")
    names = (
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "rdb_bgsave_in_progress",
    )
    return any(int(info[name]) for name in names)


def _rows(engine: Engine) -> bytes:
    parts = []
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            found = connection.execute(text(f'SELECT * FROM "{table}"'))
            parts += [repr(tuple(row)) for row in found]
    return "\n".join(parts).encode("utf-8", "backslashreplace")


def texts_of(world: World, name: str) -> dict[str, bytes]:
    """Those places whose names begin so."""
    return {k: v for k, v in world.seen.items() if re.match(name, k)}
