"""A client that tries tokens is slowed, and locks nobody out."""

from __future__ import annotations

from pathlib import Path

from rescind.api.wrong_tokens import FAILURES
from tests.api.conftest import TOKENS, opened, problem, settings_for

ELSEWHERE = {"X-Forwarded-For": "198.51.100.7"}
"""The tests' own address is a trusted proxy."""


def test_tokens_cannot_be_guessed_fast(tmp_path: Path, sqlite_ledger_url: str) -> None:
    with opened(settings_for(tmp_path, sqlite_ledger_url)) as api:
        for number in range(FAILURES.amount):
            answer = api.get("/v1/lanes", token=f"guess-{number}-0123456789")
            problem(answer, 401, "unauthorized")
        slowed = api.get("/v1/lanes", token="guess-0123456789")
        problem(slowed, 429, "too-many-requests")
        assert 0 < int(slowed.headers["Retry-After"]) <= FAILURES.get_expiry()
        # A valid token behind the same address is accepted, and so is a request
        # without a token told that it needs one.
        assert api.get("/v1/lanes", token=TOKENS["read"]).status_code == 200
        problem(api.get("/v1/lanes", token=None), 401, "unauthorized")
        far = api.get("/v1/lanes", token="guess-0123456789", headers=ELSEWHERE)
        problem(far, 401, "unauthorized")
