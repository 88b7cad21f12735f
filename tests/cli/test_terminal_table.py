"""On a terminal of 80 columns, a table fits, and its ids can be copied whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.cli import output
from rescind.cli.cancellations_listed import COLUMNS
from rescind.cli.plans_shown import LISTED
from rescind.cli.terminal_table import draw

UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
WIDTH = 80


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have standard output look like a terminal of ``WIDTH`` columns.

    pytest replaces the stream between a fixture and its test, so the test calls this.
    """
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    # Without styles, whose codes would count as characters.
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def test_a_list_fits_and_its_ids_are_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    ids = [UUID.replace("6", str(n)) for n in range(3)]
    rows = [
        (one, "iletimerkezi/default", UUID, "cancelled", "already_cancelled", 1, "now")
        for one in ids
    ]
    output.table(COLUMNS, rows)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert all(one in shown.split() for one in ids)
    assert shown.count(f"order {UUID}") == 3
    assert shown.count("lane iletimerkezi/default") == 3


def test_a_list_of_plans_fits_and_its_ids_are_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    steps = "2 cancelled, 1 withdrawn, 1 rejected"
    row = (UUID, "web-order/2026-000001", "not_done", steps, "2026-11-20T18:09:00.123Z")
    output.table(LISTED, [row])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert all(cell in shown for cell in row)


def test_a_table_that_fits_is_drawn_with_its_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    output.table(("lane", "why"), [("notpanel/default", "because " * 20)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["lane", "why"]
    assert "notpanel/default" in lines[1]
    assert max(map(len, lines)) <= WIDTH


words = st.text("abcdefghij-/_0123456789", min_size=1, max_size=WIDTH - 16)


@given(st.lists(st.tuples(*[words] * 4), min_size=1, max_size=4))
def test_every_name_is_on_one_line_and_no_line_is_too_wide(
    rows: list[tuple[str, ...]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(
            "rich.console.Console.print",
            lambda _self, shown, **_: lines.append(str(shown)),
        )
        draw(("id", "lane", "order", "key"), rows, lambda _: "")
    if len(lines) > 1:
        for row in rows:
            assert all(any(cell in line for line in lines) for cell in row)
        assert max(map(len, lines)) <= WIDTH
