"""Gathers the pages of Flower and of the dashboard."""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from tests.canary.configured import API_TOKEN, ENVIRONMENT
from tests.canary.world import World


def from_flower(world: World) -> None:
    base = world.system.flower_url or ""
    headers = {"Authorization": f"Basic {_basic(ENVIRONMENT['FLOWER_BASIC_AUTH'])}"}

    def get(path: str) -> bytes:
        request = urllib.request.Request(base + path, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
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


def from_desk(world: World) -> None:
    """Gather the dashboard's pages, signed in with a marked token."""
    base = world.system.api_url or ""
    with requests.Session() as visitor:
        world.until(lambda: _answers(base), "the dashboard")
        form = {"token": API_TOKEN}
        signed_in = visitor.post(f"{base}/desk/sign-in", data=form, timeout=60)
        world.seen["desk cookie"] = str(visitor.cookies.get_dict()).encode()
        assert signed_in.ok
        paths = ["/", "/desk/groups", "/desk/undelivered", "/desk/actions"]
        paths.append("/desk/words")
        paths.append("/desk/cancellations?q=50001")
        ended = ("failed", "rejected", "expired")
        paths += [f"/desk/cancellations?state={s}" for s in ended]
        listed = world.seen["list --limit 10000 --json"].splitlines()
        for record in map(json.loads, listed):
            if record["provider"] == "akinon" or record["account"] != "default":
                paths.append(f"/desk/cancellations/{record['id']}")
        for path in paths:
            page = visitor.get(base + path, timeout=60)
            assert page.status_code == 200, page.text
            world.seen[f"desk {path}"] = page.content


def _answers(base: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{base}/desk/sign-in", timeout=60).ok
    return False
