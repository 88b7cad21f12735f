"""Tokens, scopes and rates of callers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.conftest import TOKENS, ApiServer, opened, problem, settings_for

NEEDS = {
    ("POST", "/v1/cancellations"): "submit",
    ("GET", "/v1/cancellations"): "read",
    ("GET", "/v1/cancellations/x"): "read",
    ("GET", "/v1/cancellations/notpanel/default/x"): "read",
    ("POST", "/v1/cancellations/x/retry"): "operate",
    ("POST", "/v1/cancellations/x/release"): "operate",
    ("POST", "/v1/cancellations/x/skip"): "operate",
    ("DELETE", "/v1/cancellations/x"): "submit or operate",
    ("DELETE", "/v1/cancellations/notpanel/default/x"): "submit or operate",
    ("GET", "/v1/groups/x"): "read",
    ("GET", "/v1/plans"): "read",
    ("POST", "/v1/plans"): "submit",
    ("GET", "/v1/plan-templates"): "submit or read",
    ("GET", "/v1/plans/x"): "read",
    ("GET", "/v1/webhooks"): "read",
    ("GET", "/v1/actions"): "read",
    ("GET", "/v1/lanes"): "read",
    ("GET", "/v1/lanes/notpanel/default"): "read",
    ("POST", "/v1/lanes/notpanel/default/hold"): "operate",
    ("POST", "/v1/lanes/notpanel/default/resume"): "operate",
    ("GET", "/metrics"): "read",
}
OPEN = {
    *("/healthz", "/readyz", "/errors/{slug}"),
    # A provider's signature takes the place of a token.
    "/v1/providers/{provider}/{account}/events",
}


def test_the_list_of_addresses_is_complete(api: ApiServer) -> None:
    paths = api.get("/openapi.json", token=None).json()["paths"]
    found = {
        (method.upper(), path) for path, methods in paths.items() for method in methods
    }
    closed = {(m, p) for m, p in found if p not in OPEN}
    assert len(closed) == len(NEEDS)


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_a_request_without_a_valid_token_is_refused(
    api: ApiServer, method: str, path: str
) -> None:
    bare = api.ask(method, path, token=None)
    told = problem(bare, 401, "unauthorized")
    assert bare.headers["WWW-Authenticate"] == 'Bearer realm="rescind"'
    for shown in ("wrong", f"{TOKENS['read']}x", TOKENS["read"][:-1], ""):
        answer = api.ask(method, path, token=shown)
        told = problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert not shown or shown not in str(told)
    other = {"Authorization": f"Basic {TOKENS['read']}"}
    problem(api.ask(method, path, token=None, headers=other), 401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_a_token_is_valid_only_for_its_scope(
    api: ApiServer, method: str, path: str
) -> None:
    for scope, token in TOKENS.items():
        answer = api.ask(method, path, token=token)
        able = NEEDS[method, path].split(" or ")
        if scope in able:
            assert answer.status_code not in (401, 403)
            continue
        told = problem(answer, 403, "forbidden")
        assert f"lacks the scope {NEEDS[method, path]};" in told["detail"]
        assert f'scope="{able[0]}"' in answer.headers["WWW-Authenticate"]


def test_each_token_has_a_rate_and_is_told_when_to_retry(
    tmp_path: Path, sqlite_ledger_url: str
) -> None:
    chosen = settings_for(tmp_path, sqlite_ledger_url, api_rate="3/hour")
    with opened(chosen) as api:
        for _ in range(3):
            assert api.get("/v1/lanes", token=TOKENS["read"]).status_code == 200
        answer = api.get("/v1/lanes", token=TOKENS["read"])
        told = problem(answer, 429, "too-many-requests")
        assert "may send 3 requests in 3,600 s: wait " in told["detail"]
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
        # Other callers have their own rates, and health needs no token.
        problem(api.get("/v1/lanes", token=TOKENS["submit"]), 403, "forbidden")
        assert api.get("/readyz", token=None).status_code == 200
