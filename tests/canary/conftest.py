"""Runs a whole system on marked values, and gathers all of its output."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from rescind.config.settings import Settings
from rescind.ledger.seal import new_key
from rescind.sandbox import Sandbox, running
from rescind.sandbox.faults import KINDS
from rescind.system.local_system import System
from tests.canary.commands import from_commands
from tests.canary.configured import API_TOKEN, ENVIRONMENT, accounts, schedules
from tests.canary.http_api import from_api
from tests.canary.marks import PREFIX, marked
from tests.canary.pages import from_desk, from_flower
from tests.canary.stores import from_files, from_ledger, from_redis
from tests.canary.working import work
from tests.canary.world import World
from tests.conftest import free_port

FAULTS = [kind for kind in KINDS if not kind.startswith(("slow", "throttle"))]
"""The faults that take no time: delays would show no other output."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> World:
    """A system that has done its work and ended; its files are complete."""
    home = tmp_path_factory.mktemp("canary")
    database = None
    if request.param == "postgresql":
        url = make_url(request.getfixturevalue("postgres_url"))
        database = url.set(password=marked("database")).render_as_string(
            hide_password=False
        )
    return at_work(home, database)


def at_work(home: Path, database: str | None) -> World:
    options = {"faults": 0.1, "kinds": FAULTS, "settle": 0.2, "lag": 0.1}
    said: list[str] = []
    variables = {**ENVIRONMENT, "FLOWER_DB": str(home / "flower.db")}
    with (
        running(**options, cooldown=0.3) as box,
        mock.patch.dict(os.environ, variables),
    ):
        box.settings(echo=True, token_prefix=PREFIX)
        system = System(
            settings_of(home, box, database),
            concurrency=8,
            # Flower's pages do not depend on the ledger: one of the runs is enough.
            flower_port=None if database else free_port(),
            api_port=free_port(),
            loglevel="DEBUG",
            say=lambda name, line: said.append(f"{name}: {line}"),
        )
        with system:
            world = World(system, box, home, said)
            work(world)
            gather(world)
    world.seen["logs"] = "\n".join(said).encode()
    from_files(world)
    return world


def settings_of(home: Path, box: Sandbox, database: str | None) -> Settings:
    return Settings(
        home=home,
        accounts=accounts(box, home),
        schedules=schedules(home),
        redis_url=None,
        database_url=SecretStr(database) if database else None,
        seal_key=SecretStr(new_key()) if database else None,
        api_tokens=SecretStr(f"canary:submit+read+operate:{API_TOKEN}"),
        api_rate="100000/second",
        api_entry_rate="10000000/second",
    )


def gather(world: World) -> None:
    """Gather all output while the system runs."""
    world.note_commands()
    from_commands(world)
    if world.system.flower_url:
        from_flower(world)
    from_desk(world)
    from_api(world)
    from_redis(world)
    from_ledger(world)
    world.seen["sandbox, its newest calls"] = json.dumps(world.box.recent()).encode()
    world.seen["process arguments"] = b"\n".join(world.commands.values())
