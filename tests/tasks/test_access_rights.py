"""The users of Redis in docs/operating.md have the rights that they need."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from rescind.sandbox import Sandbox
from tests.tasks.conftest import Running, accounts_toml, start
from tests.valkey import valkey_server
from worker.broker import BROKER_OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
_numbers = itertools.count(880_000_001)


def rights(user: str) -> list[str]:
    """The words of the page's line for this user."""
    (line,) = re.findall(rf"(?m)^ACL SETUSER ({user} .*)$", PAGE.read_text())
    return [word.encode().decode("unicode_escape") for word in shlex.split(line)]


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with valkey_server(tmp_path_factory.mktemp("rights")) as url:
        client = redis.Redis.from_url(url)
        for user in ("rescind", "shop"):
            client.execute_command("ACL SETUSER", *rights(user))  # type: ignore[no-untyped-call]
        client.execute_command("ACL SETUSER", "default", "resetpass", ">admin")  # type: ignore[no-untyped-call]
        yield client
        client.close()


def url_of(admin: redis.Redis, user: str) -> str:
    port = admin.connection_pool.connection_kwargs["port"]
    return f"redis://{user}:PASSWORD@127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def running(
    admin: redis.Redis,
    shared_sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("restricted")
    accounts = home / "accounts.toml"
    text = accounts_toml(shared_sandbox)
    accounts.write_text(text.replace('\nrate = "none"', '\nrate = "600/minute"'))
    accounts.chmod(0o600)
    url = url_of(admin, "rescind")
    with start(home, accounts, shared_sandbox, redis_url=url) as found:
        yield found


def test_producers_submit_and_workers_work_with_these_rights_and_no_others(
    running: Running, admin: redis.Redis
) -> None:
    shop = Celery(broker=url_of(admin, "shop"), set_as_current=False)
    shop.conf.broker_transport_options = BROKER_OPTIONS
    order = str(next(_numbers))
    # Its provider needs a login, and its rate is limited.
    running.sandbox.seed("akinon", [order], "approved")
    entry = {
        "provider": "akinon",
        "order": order,
        "params": {"is_all": True, "reasons": {"101": 2}},
    }
    shop.send_task("rescind.submit", kwargs={"cancellations": [entry]}, queue="rescind")
    running.ends(f"akinon/default/{order}")
    refused = [one for one in admin.acl_log() if one["username"] == "rescind"]
    assert refused == []
    with redis.Redis.from_url(url_of(admin, "shop")) as producer:
        for read in (("LRANGE", "rescind", 0, -1), ("RPOP", "rescind"), ("KEYS", "*")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                producer.execute_command(*read)
    with redis.Redis.from_url(url_of(admin, "rescind")) as worker:
        for act in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                worker.execute_command(*act)
