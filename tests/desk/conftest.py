"""A desk over an empty ledger, and somebody who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.desk.stage import OPERATOR, READER, TestFront, app_of, front_over, sign_in


@pytest.fixture
def front(sqlite_ledger_url: str, tmp_path: Path) -> Iterator[TestFront]:
    found = front_over(sqlite_ledger_url, tmp_path)
    yield found
    found.close()


@pytest.fixture
def stranger(front: TestFront) -> TestClient:
    """Somebody who is not signed in."""
    return TestClient(app_of(front), follow_redirects=False)


@pytest.fixture
def operator(front: TestFront) -> TestClient:
    client = TestClient(app_of(front), follow_redirects=False)
    sign_in(client, OPERATOR)
    return client


@pytest.fixture
def reader(front: TestFront) -> TestClient:
    client = TestClient(app_of(front), follow_redirects=False)
    sign_in(client, READER)
    return client
