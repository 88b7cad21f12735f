"""Tests of orders from files and HTTP feeds, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rescind.schedules import feed, tabular
from rescind.schedules.feed import FeedSource
from rescind.schedules.source_rows import Row, SourceError
from rescind.schedules.tabular import FileSource
from tests.conftest import free_port
from tests.shop import Shop, serving
from tests.silence import silence

JSON = json.dumps({"data": {"orders": [{"id": 1, "shop": {"n": "x"}}, {"id": 2}]}})


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serving() as server:
        yield server


def source(url: str, form: str = "json", **more: Any) -> FeedSource:
    return FeedSource.model_validate({"url": url, "format": form, **more})


def refused(of: FeedSource | FileSource, most: int = 10) -> SourceError:
    with pytest.raises(SourceError) as caught:
        of.read(most)
    assert "s3cret" not in str(caught.value)
    return caught.value


# --- a feed -------------------------------------------------------------------------


def test_a_list_within_json_is_found_by_its_path(shop: Shop) -> None:
    shop.body = JSON.encode()
    assert source(shop.url, items="data.orders").read(10) == [
        Row("entry 1", {"id": 1, "shop": {"n": "x"}}),
        Row("entry 2", {"id": 2}),
    ]


@pytest.mark.parametrize(
    ("form", "body"),
    [("csv", "id;shop\n1;x\n2;\n"), ("jsonl", '{"id":"1"}\n\n{"id":"2"}')],
)
def test_lines_are_read_as_well(shop: Shop, form: str, body: str) -> None:
    shop.body = body.encode()
    assert [row.values["id"] for row in source(shop.url, form).read(10)] == ["1", "2"]


def test_headers_are_sent_and_nothing_of_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("FEED_KEY", "s3cret")
    shop.body = b"[]"
    key = {"X-Key": {"env": "FEED_KEY"}}
    assert source(f"{shop.url}?a=b", headers=key).read(10) == []
    ((path, headers),) = shop.asked
    assert path == "/orders?a=b"
    assert headers["X-Key"] == "s3cret"
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("status", "words", "passing"),
    [
        (302, "answers with a redirect (HTTP 302), which is never followed", False),
        (401, "answers with HTTP 401: check its headers", False),
        (404, "answers with HTTP 404", False),
        (204, "answers with HTTP 204", False),
        (503, "answers with HTTP 503", True),
        (429, "answers with HTTP 429", True),
    ],
)
def test_any_status_but_200_is_an_error(
    shop: Shop, status: int, words: str, passing: bool
) -> None:
    shop.status, shop.headers = status, {"Location": f"{shop.url}/s3cret"}
    error = refused(source(f"{shop.url}/s3cret?token=s3cret"))
    assert str(error).startswith(f"http://127.0.0.1:{shop.server_port} {words}")
    assert "s3cret" not in str(error)
    assert error.passing == passing
    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    ("body", "more", "words"),
    [
        (b"{", {}, "it is not JSON"),
        (b"[NaN]", {}, "it is not JSON that can be kept"),
        (b"\xff", {}, "it is not UTF-8"),
        (b"5", {}, "it is not a list; items names where the list is"),
        (JSON.encode(), {"items": "data.nothing"}, "its data.nothing is not a list"),
        (b'["s3cret"]', {}, "entry 1 is not an object"),
        (b"[" * 100_000, {}, "nested too deeply"),
    ],
)
def test_an_unusable_body_is_reported_and_not_shown(
    shop: Shop, body: bytes, more: dict[str, str], words: str
) -> None:
    shop.body = body
    assert words in str(refused(source(shop.url, **more)))


def test_a_body_that_is_too_large_is_not_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LARGEST", 1000)
    shop.body = b" " * 5000
    assert "a reply of more than 1000 bytes" in str(refused(source(shop.url)))


def test_a_slow_feed_has_a_time_limit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "SECONDS", 0.2)
    shop.drips = True
    error = refused(source(shop.url))
    assert "did not end within its time" in str(error)
    assert error.passing


def test_the_wait_for_a_silent_feed_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "SILENCE", 0.1)
    with silence() as server:
        assert "no answer within 0.1 s" in str(refused(source(server.url)))


def test_an_unreachable_feed_is_reported_by_its_host_only() -> None:
    host = f"http://127.0.0.1:{free_port()}"
    error = refused(source(f"{host}/s3cret?token=s3cret", headers={"A": "s3cret"}))
    assert str(error) == f"{host} cannot be reached: Connection refused"
    assert error.passing


def test_a_header_that_cannot_be_sent_is_reported_and_not_shown(shop: Shop) -> None:
    error = refused(source(shop.url, headers={"A": "s3cret\nB: c"}))
    assert "a header is wrong" in str(error)
    assert not shop.asked


def test_an_address_from_the_environment_is_checked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEED_URL", "http://shop.example/s3cret")
    assert "plain http" in str(refused(source({"env": "FEED_URL"})))  # type: ignore[arg-type]


# --- a file -------------------------------------------------------------------------


def file(path: Path, **more: Any) -> FileSource:
    return FileSource.model_validate({"file": str(path), **more})


@pytest.mark.parametrize(
    ("text", "more", "typed"),
    [
        ("My Id,shop\n1,x\n2,\n", {}, False),
        ("\ufeffMy Id\tshop\r\n1\tx\r\n2\t\r\n", {"format": "csv"}, False),
        ('{"My Id": "1"}\n{"My Id": "2"}\n', {}, True),
        ('[{"My Id": "1"}, {"My Id": "2"}]', {"format": "json"}, True),
    ],
)
def test_a_file_may_have_any_columns(
    tmp_path: Path, text: str, more: dict[str, str], typed: bool
) -> None:
    (tmp_path / "x").write_text(text)
    found = file(tmp_path / "x", **more).read(10)
    assert [(row.values["My Id"], row.typed) for row in found] == [
        ("1", typed),
        ("2", typed),
    ]


@pytest.mark.parametrize(
    ("text", "more"),
    [("id\n", {}), ("", {"format": "jsonl"}), ("[]", {"format": "json"})],
)
def test_a_file_without_rows_is_valid(
    tmp_path: Path, text: str, more: dict[str, str]
) -> None:
    (tmp_path / "x").write_text(text)
    assert file(tmp_path / "x", **more).read(10) == []


@pytest.mark.parametrize(
    ("data", "more", "words"),
    [
        (b"", {}, "is empty"),
        (b"id,id\n1,2\n", {}, "its header names id twice"),
        (b"id,shop\n1\n", {}, "line 2: has 1 columns, and the header 2"),
        (b"id\n\xff\n", {}, "line 2: is not UTF-8"),
        (b'id\n"s3cret\n', {}, "line 2: has a quote"),
        (b'{"id": 1}\n{"id": s3cret}\n', {}, "line 2: it is not JSON"),
        (b'{"id": 1}\n', {"format": "csv"}, "is not CSV with a header"),
        (b"id\n1\n", {"format": "jsonl"}, "is not JSON Lines"),
        (b'[{"id": 1}]', {}, "holds a JSON array"),
    ],
)
def test_an_unreadable_row_stops_the_whole_file(
    tmp_path: Path, data: bytes, more: dict[str, str], words: str
) -> None:
    (tmp_path / "x").write_bytes(data)
    assert words in str(refused(file(tmp_path / "x", **more)))


def test_at_most_the_given_number_of_lines_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("id\n1\n2\nwrong,columns\n")
    assert len(file(tmp_path / "x").read(2)) == 2


def test_a_missing_file_is_a_passing_error(tmp_path: Path) -> None:
    error = refused(file(tmp_path / "none.csv"))
    assert str(error) == f"the file {tmp_path / 'none.csv'} does not exist"
    assert error.passing
    assert not refused(file(tmp_path)).passing


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "LARGEST", 10)
    (tmp_path / "x").write_text("id\n" + "1\n" * 10)
    assert "is larger than" in str(refused(file(tmp_path / "x")))
