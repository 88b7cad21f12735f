"""A browser at an address that shows no page gets a page; a program gets JSON."""

from __future__ import annotations

import pytest

from rescind.dashboard.security_headers import HEADERS
from rescind.dashboard.static_files import version
from rescind.ledger.storage.unreachable import LedgerUnreachableError
from tests.dashboard.stage import OPERATOR, READER, Served, Visitor

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FORMS = ["/desk/submit/file", "/desk/retry/now", "/desk/sign-out"]
"""Addresses to which only forms are sent."""


@pytest.mark.parametrize("path", ["/desk/nothing", "/desk", "/desk/a/b?c=d", "/dsk"])
def test_an_unknown_address_is_answered_by_a_page(reader: Visitor, path: str) -> None:
    answer = reader.get(path, Accept=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>There is no such page</h1>" in answer.text
    assert '<a href="/">To the overview</a>' in answer.text
    assert "You are signed in as" in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", FORMS)
def test_the_address_of_a_form_is_answered_by_a_page(
    reader: Visitor, path: str
) -> None:
    answer = reader.get(path, Accept=BROWSER)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert "<h1>There is no such page</h1>" in answer.text
    assert "Only forms are sent to this address." in answer.text


@pytest.mark.parametrize("path", ["/desk/nothing", *FORMS])
def test_the_page_is_in_the_readers_language(reader: Visitor, path: str) -> None:
    answer = reader.get(path, Accept=BROWSER, **{"Accept-Language": "tr-TR"})
    assert '<html lang="tr">' in answer.text
    assert "<h1>Böyle bir sayfa yok</h1>" in answer.text


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/desk/nothing", "application/json"),
        ("/desk/nothing", "*/*"),
        ("/desk/nothing", "application/json, text/html;q=0.5"),
        ("/desk/retry/now", "application/json"),
        ("/v1/nothing", BROWSER),
        ("/v1/lanes/notpanel/default/hold", BROWSER),
        (f"/desk/static/{version()}/nothing.js", BROWSER),
    ],
)
def test_a_program_gets_json(reader: Visitor, path: str, accept: str) -> None:
    answer = reader.get(path, Accept=accept)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stranger_is_told_the_same_without_the_bar(stranger: Visitor) -> None:
    answer = stranger.get("/desk/nothing", Accept=BROWSER)
    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    assert "You are signed in as" not in answer.text


def test_the_page_needs_no_ledger(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = site.visitor(OPERATOR)

    def away() -> None:
        raise LedgerUnreachableError("the ledger is away")

    monkeypatch.setattr(site.context, "ledger", away)
    answer = visitor.get("/desk/nothing", Accept=BROWSER)
    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text


def test_each_reader_gets_the_page_with_their_own_name(site: Served) -> None:
    names = {OPERATOR: "ann", READER: "ben"}
    for token, name in names.items():
        answer = site.visitor(token).get("/desk/nothing", Accept=BROWSER)
        said = answer.text.partition("You are signed in as </span>")[2]
        assert said.startswith(name)
