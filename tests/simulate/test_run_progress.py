"""The progress of many worlds is shown: a line on a terminal, else one per 1,000."""

from __future__ import annotations

from io import StringIO
from itertools import count

from simulate.run_progress import CLEAR, Progress


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: StringIO) -> str:
    ticks = count()
    progress = Progress(3000, stream, lambda: float(next(ticks)))
    for _ in range(60):
        progress.add(50, 2)
    progress.clear()
    return stream.getvalue()


def test_without_a_terminal_every_thousand_worlds_are_a_line() -> None:
    lines = shown(StringIO()).splitlines()
    assert [line.split(" worlds")[0] for line in lines] == [
        "1,000 of 3,000",
        "2,000 of 3,000",
        "3,000 of 3,000",
    ]
    assert "2 failed" in lines[0]


def test_on_a_terminal_one_line_is_written_again_and_removed_at_the_end() -> None:
    text = shown(Screen())
    assert "\n" not in text
    assert text.count(CLEAR) == 61
    assert text.endswith(CLEAR)
