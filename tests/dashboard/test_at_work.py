"""The dashboard and Flower of a real system at work, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from rescind.config.access_tokens import OWN_TOKEN
from rescind.sandbox import Sandbox, running
from tests import pictures
from tests.browser import find_chromium, opened
from tests.conftest import free_port
from tests.tasks.conftest import QUICK, Running, accounts_toml, start, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ORDER = "ord_01HG9X7KJP4N"
ONCE = QUICK + "max_attempts = 1\n"
"""A policy with which an order fails after its first try."""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    find_chromium()
    with running(settle=0.3, lag=0.2) as found:
        yield found


@pytest.fixture(scope="module")
def at_work(
    box: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("at-work")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(box).replace(QUICK, ONCE))
    accounts.chmod(0o600)
    ports: dict[str, Any] = {"flower_port": free_port(), "api_port": free_port()}
    with start(home, accounts, box, **ports) as found:
        until((home / OWN_TOKEN).exists, "a token")
        yield found


def test_a_failed_cancellation_is_found_read_about_and_retried(
    chromium: Browser, at_work: Running
) -> None:
    path = f"notpanel/default/{ORDER}"
    at_work.sandbox.seed("notpanel", ORDER, "pending")
    at_work.sandbox.script("notpanel", "cancel", "drop_before")
    at_work.submit({"provider": "notpanel", "order": ORDER})
    assert at_work.ends(path)["reason"] == "attempts_exhausted"
    token = (at_work.system.home / OWN_TOKEN).read_text().strip()
    with opened(chromium, base_url=at_work.system.api_url) as page:
        _sign_in(page, token)
        page.get_by_role("link", name="1 failed", exact=True).click()
        page.get_by_role("link", name=ORDER).click()
        said = page.locator("main").inner_text()
        assert "Rescind sent the cancel as often" in said
        assert "but the answer was lost" in said
        page.get_by_role("button", name="Retry…").click()
        page.get_by_role("button", name="Retry 1 cancellation").click()
        page.get_by_text("A new round has begun").wait_for()
    assert at_work.ends(path)["state"] == "cancelled"


def _sign_in(page: Page, token: str) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


# --- Flower ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worked(at_work: Running) -> Running:
    """Flower's pages after some work for every provider."""
    entries: list[dict[str, Any]] = [
        {"provider": "iletimerkezi", "order": "60001"},
        {"provider": "ithink", "order": "86210010463"},
        {"provider": "notpanel", "order": "ord_2"},
        {
            "provider": "dukkango",
            "order": "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e",
            "params": {"reason_id": 4},
        },
        {
            "provider": "akinon",
            "order": "50001",
            "params": {"is_all": True, "reasons": {"101": 2}},
        },
    ]
    # One by a message, whose worker makes the call itself; the others by HTTP, and the
    # API notifies a worker of those.
    at_work.submit(entries[0])
    at_work.system.wait_for_api()
    token = (at_work.system.home / OWN_TOKEN).read_text().strip()
    answer = requests.post(
        f"{at_work.system.api_url}/v1/cancellations",
        json={"cancellations": entries[1:]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    answer.raise_for_status()
    for one in entries:
        at_work.ends(f"{one['provider']}/default/{one['order']}")
    return at_work


@pytest.fixture
def flower(chromium: Browser, worked: Running) -> Iterator[Page]:
    # Complaints of Flower's own pages are not ours.
    where = worked.system.flower_url
    with opened(chromium, complaints=False, base_url=where) as page:
        yield page


def test_flower_shows_tasks_by_provider_and_operation(
    flower: Page, tmp_path: Path
) -> None:
    where = pictures.folder(tmp_path)
    flower.goto("/tasks")
    # A tick each second fills the first page.
    flower.locator("select[name$=_length]").select_option("100")
    for name in ("rescind.submit", "notpanel.cancel", "ithink.cancel"):
        flower.get_by_text(name, exact=True).first.wait_for()
    assert ORDER not in flower.content()
    pictures.take(flower, where, "flower-tasks")
    row = flower.get_by_role("row").filter(has_text="notpanel.cancel").first
    row.get_by_role("link").last.click()
    flower.get_by_text("UUID").first.wait_for()
    said = flower.locator("body").inner_text()
    assert "notpanel.cancel" in said
    assert "('default',)" in said.replace('"', "'") or "['default']" in said
    pictures.take(flower, where, "flower-task")


def test_flower_shows_the_worker_and_a_queue_for_each_provider(
    flower: Page, tmp_path: Path
) -> None:
    where = pictures.folder(tmp_path)
    flower.goto("/workers")
    flower.get_by_role("link", name="celery@").first.wait_for()
    pictures.take(flower, where, "flower-workers")
    flower.goto("/broker")
    for name in ("iletimerkezi", "dukkango", "akinon", "ithink", "notpanel"):
        flower.get_by_role("cell", name=name, exact=True).wait_for()
    pictures.take(flower, where, "flower-broker")
