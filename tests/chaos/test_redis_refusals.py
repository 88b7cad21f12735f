"""Redis refuses writes in each way, and has kept its data when it answers again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError, ResponseError

from chaos.redis_refusals import REFUSALS
from chaos.refusals_said import MUST_BE_MET
from rescind.errors.redis_refusals import code_of
from tests.valkey import valkey_server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.mark.parametrize("what", REFUSALS)
def test_it_refuses_to_write_and_then_has_all_that_it_had(
    client: redis.Redis, what: str
) -> None:
    client.set("kept", what)
    REFUSALS[what].begin(client)
    with pytest.raises(ResponseError) as refused:
        client.set("more", "1")
    assert code_of(refused.value) in MUST_BE_MET[what]
    REFUSALS[what].end(client)
    assert client.get("kept") == what.encode()
    assert client.set("more", "1")


def test_a_demotion_refuses_those_who_wait(client: redis.Redis, url: str) -> None:
    said: list[Exception] = []

    def wait() -> None:
        with redis.Redis.from_url(url) as waiting:
            try:
                waiting.blmove("nothing", "nowhere", 10)
            except RedisError as error:
                said.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not client.info("clients")["blocked_clients"]:
        assert thread.is_alive()
    REFUSALS["redis demoted"].begin(client)
    thread.join(5)
    REFUSALS["redis demoted"].end(client)
    assert [code_of(error) for error in said] == ["UNBLOCKED"]


def test_the_folder_that_stood_in_the_way_is_gone(client: redis.Redis) -> None:
    REFUSALS["redis cannot save"].begin(client)
    folder = Path(str(client.config_get("dir")["dir"]))
    assert any(one.is_dir() for one in folder.iterdir())
    REFUSALS["redis cannot save"].end(client)
    assert not any(one.is_dir() for one in folder.iterdir())
