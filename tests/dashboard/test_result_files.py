"""A file of results or of wrong rows is corrected and uploaded again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import Engine, update

from rescind.dashboard.submission.file_columns import cells_of
from rescind.dashboard.submission.result_files import header_of, result_csv, result_rows
from rescind.dashboard.translation import speak
from rescind.dashboard.workbook_writer import workbook
from rescind.intake.files.file_reading import parse
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from tests.dashboard.stage import PANEL, Visitor, take_in
from tests.dashboard.test_submit_file import HEAD, id_of, previewed, verdicts
from tests.dashboard.test_submit_one import rows

PERSONAL = "TR330006100519786457841326"
plain = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=9)
texts = plain.map(str.strip).filter(bool) | st.sampled_from(
    ["'", "'=x", "=1+1", '="x"', "-5", "+90 555", "007", "true", "null", "a\nb"]
)
values = texts | st.integers(-9, 2**53) | st.booleans() | st.lists(st.integers(0, 9))
names = st.from_regex(r"[A-Za-zığ_][\w.]{0,5}", fullmatch=True).filter(
    lambda name: name == name.strip()
)
entries = st.fixed_dictionaries(
    {"provider": st.sampled_from(["akinon", "ithink"]), "order": st.just("86210")},
    optional={
        "group": st.just("june"),
        "params": st.dictionaries(names, values, min_size=1, max_size=3),
        "metadata": st.dictionaries(names, texts, min_size=1, max_size=3),
        "after": st.just(["a", "b"]),
        "ref": st.just("c"),
    },
)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    speak(None, "")


def results_of(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said = {"verdict": "wrong", "why": "because", "state": "queued", "id": "an-id"}
    return [{"line": 2, "cells": cells_of(one), **said} for one in given]


@given(st.lists(entries, min_size=1, max_size=3), st.sampled_from(["en", "tr"]))
def test_intake_reads_the_entries_from_a_file_of_results(
    some: list[dict[str, Any]], language: str
) -> None:
    speak(language, "")
    results = results_of(some)
    found = parse(result_csv(results).encode(), "result.csv")
    assert [row.entry for row in found.rows] == some
    with workbook(header_of(results), list(result_rows(results)), "Result") as book:
        found = parse(book.read(), "result.xlsx")
    assert [row.entry for row in found.rows] == some


def cells(content: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_corrected_result_is_submitted(
    clerk: Visitor, ledger: Engine, language: str, kind: str
) -> None:
    clerk.session.headers["accept-language"] = language
    where = previewed(clerk, HEAD + "notpanel,ord_1,,\nnobody,ord_2,,\n")
    done = clerk.send("/desk/submit/file/now", id=id_of(where))
    result = clerk.get(f"{done.headers['location']}.{kind}").content
    if kind == "xlsx":
        book = load_workbook(io.BytesIO(result))
        book.active["B3"] = "notpanel"
        out = io.BytesIO()
        book.save(out)
        corrected = out.getvalue()
    else:
        corrected = result.replace(b"nobody", b"notpanel")
    again = previewed(clerk, corrected)
    shown = clerk.get(again).text
    assert verdicts(shown) == ["known", "accepted"]
    assert ("They are not read." in shown) == (language == "en")
    clerk.send("/desk/submit/file/now", id=id_of(again))
    assert {row.order_id for row in rows(ledger)} == {"ord_1", "ord_2"}


def test_a_turkish_result_has_the_words_and_the_separator_of_turkish(
    clerk: Visitor,
) -> None:
    clerk.session.headers["accept-language"] = "tr"
    where = submitted(clerk, HEAD + "notpanel,ord_1,,\nnobody,ord_2,,\n")
    text = clerk.get(f"{where}.csv").content.decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text), delimiter=";")
    assert (first["Sonuç"], first["Durum"]) == ("kabul edildi", "sırada")
    assert second["Sonuç"] == "hatalı"


def test_a_file_without_results_is_not_said_to_have_some(clerk: Visitor) -> None:
    shown = clerk.get(previewed(clerk, HEAD + "notpanel,ord_1,,\n")).text
    assert "They are not read." not in shown


def test_a_preview_offers_the_wrong_rows_as_a_file_with_all_their_columns(
    clerk: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_other", key="taken")
    head = "provider,account,order,key,param.ibans,metadata.shop\n"
    where = previewed(
        clerk,
        head + "notpanel,,ord_1,,,\n"
        f"akinon,shop,no order,,{PERSONAL},No 7\n"
        "notpanel,,ord_2,taken,,\n",
    )
    shown = clerk.get(where).text
    assert f'href="{where}.csv" download' in shown
    assert "2 rows have to be corrected" in shown
    assert PERSONAL not in shown
    wrong, conflict = cells(clerk.get(f"{where}.csv").content)
    assert (wrong["Line"], wrong["Result"]) == ("3", "wrong")
    assert (wrong["param.ibans"], wrong["metadata.shop"]) == (PERSONAL, "No 7")
    assert wrong["Why"]
    assert (conflict["Order"], conflict["Result"]) == ("ord_2", "its key is in use")
    assert verdicts(clerk.get(previewed(clerk, clerk.get(f"{where}.csv").content)).text)


def submitted(who: Visitor, content: str) -> str:
    """The address of the result of a file that was submitted."""
    done = who.send("/desk/submit/file/now", id=id_of(previewed(who, content)))
    return str(done.headers["location"])


def reject(ledger: Engine, order: str) -> None:
    """End the cancellation of this order as rejected, because it was not found."""
    with writing(ledger) as connection:
        (one,) = [row for row in rows(ledger) if row.order_id == order]
        connection.execute(
            update(CANCELLATION)
            .where(CANCELLATION.c.id == one.id)
            .values(
                state="rejected",
                reason="not_found",
                finished_at=one.created_at,
                due_at=None,
            )
        )


def test_a_result_has_the_states_of_the_moment_at_which_it_is_read(
    clerk: Visitor, ledger: Engine
) -> None:
    where = submitted(clerk, HEAD + "notpanel,ord_1,,\nnotpanel,ord_2,,\n")
    before = cells(clerk.get(f"{where}.csv").content)
    assert [row["State"] for row in before] == ["queued", "queued"]
    reject(ledger, "ord_2")
    after = cells(clerk.get(f"{where}.csv").content)
    assert [row["State"] for row in after] == ["queued", "rejected"]
    assert after[1]["Why"] == "the provider does not know the order"
    page = clerk.get(where).text
    assert re.findall(r'class="chip (\w+)".*<b>1</b></a>', page)
    body = page.partition("<tbody>")[2]
    assert re.findall(r'class="chip (queued|rejected)"', body) == ["queued", "rejected"]


def test_a_result_is_read_again_while_any_of_its_orders_is_open(
    clerk: Visitor, ledger: Engine
) -> None:
    where = submitted(clerk, HEAD + "notpanel,ord_1,,\nnotpanel,ord_2,,\n")
    again = f'<div id="result" hx-get="{where}?show=accepted"'
    reject(ledger, "ord_2")
    assert again in clerk.get(f"{where}?show=accepted").text
    reject(ledger, "ord_1")
    assert "hx-get" not in clerk.get(where).text.partition('id="result"')[2]


def listed(page: str) -> set[str]:
    return set(re.findall(r'class="order"[^>]*><bdi>([^<]*)', page))


def test_a_result_leads_to_the_list_of_what_the_file_submitted(
    clerk: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_9")
    mine, other = HEAD + "notpanel,ord_1,,\nnotpanel,ord_9,,\n", "notpanel,ord_3,,\n"
    page = clerk.get(submitted(clerk, mine)).text
    submitted(clerk, HEAD + other)
    (path,) = re.findall(r'href="([^"]+)">The list of what this file submitted', page)
    assert listed(clerk.get(unescape(path)).text) == {"ord_1"}
    by_state = re.findall(r'href="(/desk/cancellations\?state=[^"]+)"', page)
    assert [listed(clerk.get(unescape(one)).text) for one in by_state] == [{"ord_1"}]


def test_a_result_leads_to_the_group_that_all_its_orders_have(clerk: Visitor) -> None:
    head, one = "provider,order,group\n", "notpanel,ord_1,june\n"
    page = clerk.get(submitted(clerk, head + one)).text
    assert '<a href="/desk/group?name=june">' in page
    two = "notpanel,ord_2,june\nnotpanel,ord_3,july\n"
    assert "/desk/group?" not in clerk.get(submitted(clerk, head + two)).text


def test_a_result_without_wrong_rows_speaks_of_none(clerk: Visitor) -> None:
    page = clerk.get(submitted(clerk, HEAD + "notpanel,ord_1,,\n")).text
    assert "1 order was submitted" in page
    for words in ("not submitted", "known already", "repeated"):
        assert words not in page


def test_a_preview_without_wrong_rows_offers_no_such_file(clerk: Visitor) -> None:
    where = previewed(clerk, HEAD + "notpanel,ord_1,,\n")
    assert f"{where}.csv" not in clerk.get(where).text


def test_the_wrong_rows_belong_to_one_session(clerk: Visitor) -> None:
    assert clerk.get("/desk/submit/preview/another.csv").status_code == 410
