"""Asks the HTTP API, and notes its answers."""

from __future__ import annotations

import urllib.error
import urllib.request

from tests.canary.configured import API_TOKEN
from tests.canary.marks import IBAN, marked
from tests.canary.world import World


def answer_of(
    url: str, body: str | None = None, token: str = API_TOKEN
) -> bytes | None:
    """The answer with its headers; ``None`` if the HTTP API is unreachable."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.headers) + bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return bytes(error.headers) + error.read()
    except OSError:
        return None


def ask(world: World, name: str, path: str, body: str | None = None) -> None:
    answer = answer_of(f"{world.system.api_url}{path}", body)
    assert answer is not None, path
    world.seen[f"api {name}"] = answer


def from_api(world: World) -> None:
    for path in (
        *("/v1/cancellations?limit=1000", "/v1/cancellations?provider=akinon"),
        *(
            "/v1/lanes?exact=true",
            "/v1/webhooks",
            "/v1/actions",
            "/metrics",
            "/healthz",
            "/readyz",
        ),
        f"/v1/cancellations/akinon/default/{50_000}",
        f"/v1/cancellations/{IBAN}",
        f"/v1/cancellations?limit={IBAN}&state={IBAN}&cursor={IBAN}",
        f"/v1/{IBAN}",
    ):
        ask(world, path.replace(IBAN, "…"), path)
    refused = answer_of(f"{world.system.api_url}/v1/lanes", token=marked("nobody"))
    world.seen["api refused"] = refused or b""
