"""The probes of Kubernetes: by the address of a pod, and without a token."""

from __future__ import annotations

import requests

from tests.api.conftest import ApiServer, on

LIVENESS, READINESS = "/desk/static/probe/icon.svg", "/readyz"
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


def status(api: ApiServer, path: str) -> int:
    address = {"Host": "10.42.0.17:8080"}
    return requests.get(f"{api.url}{path}", headers=address, timeout=30).status_code


def test_probes_get_an_answer(api: ApiServer) -> None:
    assert (status(api, LIVENESS), status(api, READINESS)) == (200, 200)


def test_an_api_without_a_ledger_is_alive_and_not_ready(api: ApiServer) -> None:
    with on(api, NOWHERE):
        assert (status(api, LIVENESS), status(api, READINESS)) == (200, 503)
