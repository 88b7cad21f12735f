"""Server-sent events: sent on changes, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, text

from rescind.api.application import THREADS
from rescind.dashboard import board_cache, event_stream
from rescind.dashboard.board import Board, read_board
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.system_health import SystemFault
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import (
    OPERATOR,
    PANEL,
    READER,
    Served,
    Visitor,
    end,
    served,
    settings_over,
)
from tests.tasks.conftest import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_cache, "TICK", 0.05)
    monkeypatch.setattr(event_stream, "NAP", 0.01)


@contextmanager
def listening(who: Visitor) -> Iterator[Iterator[tuple[str, str]]]:
    """The names and data of the events, one by one."""
    path = who.base + "/desk/events"
    with who.session.get(path, stream=True, timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)


def _events(answer: requests.Response) -> Iterator[tuple[str, str]]:
    name, data = "", []
    for line in answer.iter_lines(decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line and name:
            yield name, "\n".join(data)
            name, data = "", []


def _next(events: Iterator[tuple[str, str]], wanted: str) -> str:
    return next(data for name, data in events if name == wanted)


def test_the_board_comes_at_once_and_again_only_when_it_changes(
    operator: Visitor, ledger: Engine
) -> None:
    with listening(operator) as events:
        first = _next(events, "board")
        assert "Nothing has failed" in first
        assert [next(events)[0] for _ in range(3)] == ["beat"] * 3
        end(ledger, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
        assert "<b>1</b> failed" in _next(events, "board")


def test_the_board_comes_with_the_hours_of_the_viewers_zone(
    reader: Visitor, ledger: Engine
) -> None:
    end(ledger, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    reader.session.cookies.set("rescind_zone", "Europe/Istanbul")
    with listening(reader) as events:
        assert "this time zone: Europe/Istanbul." in _next(events, "board")


def test_a_reader_is_sent_no_buttons(reader: Visitor) -> None:
    with listening(reader) as events:
        assert "form_key" not in _next(events, "board")


def test_an_unreachable_ledger_is_reported_and_the_stream_goes_on(
    site: Served, operator: Visitor
) -> None:
    with listening(operator) as events:
        _next(events, "board")
        with writing(site.engine) as connection:
            connection.execute(text("ALTER TABLE lane RENAME TO gone"))
        assert "The ledger cannot be used" in _next(events, "trouble")
        with writing(site.engine) as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO lane"))
        assert "Nothing has failed" in _next(events, "board")


def test_a_stream_ends_when_its_token_is_removed(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(operator) as events:
        _next(events, "board")
        monkeypatch.setattr(site.context, "access", type(site.context.access)())
        assert _next(events, "signed-out") == ""
        assert list(events) == []


def test_a_reader_who_left_is_forgotten(site: Served, operator: Visitor) -> None:
    def open_streams() -> int:
        taken: int = site.app.state.budgets.streams.taken
        return taken

    with listening(operator) as events:
        _next(events, "board")
        assert open_streams() == 1
    until(lambda: open_streams() == 0, "the stream ends")


def test_there_are_only_so_many_streams(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.app.state.budgets.streams, "_places", 1)
    with listening(operator) as events:
        _next(events, "board")
        assert operator.get("/desk/events").status_code == 204


def test_all_viewers_share_one_read_of_the_ledger(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_cache, "TICK", 60)
    reads = []

    def read(dashboard: Dashboard, fault: SystemFault | None) -> Board:
        reads.append(dashboard)
        return read_board(dashboard, fault)

    monkeypatch.setattr(board_cache, "read_board", read)
    for token in (OPERATOR, READER):
        with listening(site.visitor(token)) as events:
            _next(events, "board")
    assert len(reads) == 1


def test_streams_of_a_hanging_ledger_do_not_block_pages(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def read(dashboard: Dashboard, fault: SystemFault | None) -> Board:
        asked.set()
        gone.wait(20)
        return read_board(dashboard, fault)

    monkeypatch.setattr(board_cache, "read_board", read)
    with ExitStack() as streams:
        heard = [streams.enter_context(listening(operator)) for _ in range(THREADS)]
        try:
            assert asked.wait(20)
            assert operator.get("/desk/groups").status_code == 200
        finally:
            gone.set()
        for events in heard:
            _next(events, "board")


def test_streams_end_when_the_server_does(
    sqlite_ledger_url: str, tmp_path: Path
) -> None:
    heard: list[tuple[str, str]] = []
    begun = threading.Event()

    def listen(who: Visitor) -> None:
        with listening(who) as events:
            for one in events:
                heard.append(one)
                begun.set()

    with served(settings_over(sqlite_ledger_url, tmp_path)) as site:
        thread = threading.Thread(target=listen, args=(site.visitor(OPERATOR),))
        thread.start()
        assert begun.wait(20)
    thread.join(20)
    assert not thread.is_alive()
    assert heard[0][0] == "board"


def test_a_stream_never_goes_back_behind_the_page_that_opened_it(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_cache, "TICK", 60)
    with listening(operator) as events:
        assert "Nothing has failed" in _next(events, "board")
    end(site.engine, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    assert "<b>1</b> failed" in operator.get("/").text
    with listening(operator) as events:
        assert "<b>1</b> failed" in _next(events, "board")
