"""An address that shows no page is answered by one, which leads on."""

from __future__ import annotations

import pytest

from tests.dashboard.stage import Visitor


@pytest.mark.parametrize("path", ["/desk/no-such-page", "/desk/submit/file"])
def test_it_is_answered_by_a_page(reader: Visitor, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no such page" in answer.text
    assert ">To the overview</a>" in answer.text
