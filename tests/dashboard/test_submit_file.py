"""A file is previewed row by row, then submitted once, and its result is a file."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import Engine

from rescind.dashboard.submission import upload_reading
from rescind.dashboard.submission.kept_uploads import KeptUploads
from rescind.dashboard.submission.result_files import result_csv
from rescind.dashboard.submission.row_fields import fields_of
from rescind.dashboard.submission.upload_route import LARGEST_UPLOAD, MOST_PARTS
from rescind.ledger.storage.milliseconds import from_ms
from rescind.telemetry.exposition import impatient
from tests.dashboard.stage import OPERATOR, PANEL, Served, Visitor, take_in, utc_now
from tests.dashboard.test_submit_one import rows
from tests.tasks.conftest import until

nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
HEAD = "provider,order,key,account\n"
MIXED = (
    HEAD + "notpanel,ord_1,,\n"
    "notpanel,ord_9,,\n"
    "notpanel,ord_1,,\n"
    "notpanel,ord_2,taken,\n"
    "nobody,ord_3,,\n"
    "ithink,8.62100E+10,,\n"
)


def previewed(who: Visitor, content: bytes | str, **fields: str) -> str:
    """The address of the preview of an uploaded file."""
    data = content.encode() if isinstance(content, str) else content
    done = who.upload(data, **fields)
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def verdicts(page: str) -> list[str]:
    body = page.partition("<tbody>")[2]
    return re.findall(r'class="chip verdict-(\w+)"', body)


def id_of(where: str) -> str:
    return where.rpartition("/")[2]


def book(*lines: Sequence[Any]) -> bytes:
    made = Workbook()
    for line in lines:
        made.active.append(list(line))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_preview_says_what_would_happen_to_each_row(
    clerk: Visitor, ledger: Engine
) -> None:
    known = take_in(ledger, PANEL, "ord_9")
    take_in(ledger, PANEL, "ord_other", key="taken")
    shown = clerk.get(previewed(clerk, MIXED)).text
    assert verdicts(shown) == [
        *("accepted", "known", "repeated", "conflict", "wrong", "wrong")
    ]
    assert f'/desk/cancellations/{known}"><span class="chip queued"' in shown
    assert "provider must be one of" in shown
    assert "format their column as Text" in shown
    assert "Submit 1 order<" in shown
    assert len(rows(ledger)) == 2


def test_a_preview_can_be_filtered_to_the_wrong_rows(clerk: Visitor) -> None:
    shown = clerk.get(previewed(clerk, MIXED) + "?show=wrong").text
    assert verdicts(shown) == ["wrong", "wrong"]


def test_a_file_is_submitted_once_and_its_result_is_a_file(
    site: Served, clerk: Visitor, ledger: Engine
) -> None:
    known = take_in(ledger, PANEL, "ord_9")
    one = id_of(previewed(clerk, MIXED))
    done = clerk.send("/desk/submit/file/now", id=one)
    again = clerk.send("/desk/submit/file/now", id=one)
    assert done.headers["location"] == again.headers["location"]
    assert {row.order_id for row in rows(ledger)} == {"ord_1", "ord_2", "ord_9"}
    until(lambda: site.notified.asked == [(PANEL, "cancel")], "the lane is notified")
    where = done.headers["location"]
    shown = clerk.get(where).text
    assert "2 orders were submitted" in shown
    assert "1 row was known already" in shown
    assert "1 row repeated an earlier row, and was left out" in shown
    answer = clerk.get(f"{where}.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    head = ["Line", "Provider", "Account", "Order", "Key", "Result", "Why"]
    assert list(found[0]) == [*head, "State", "Id"]
    known_already, repeated = "known already", "repeats an earlier row"
    words = ["accepted", known_already, repeated, "accepted", "wrong", "wrong"]
    assert [row["Result"] for row in found] == words
    assert found[1]["Id"] == known
    assert found[1]["State"] == "queued"
    assert found[3]["Key"] == "taken"
    assert "provider must be one of" in found[4]["Why"]
    book = load_workbook(io.BytesIO(clerk.get(f"{where}.xlsx").content))
    header, *cells = book.worksheets[0].iter_rows(values_only=True)
    assert list(header) == list(found[0])
    assert [row[head.index("Result")] for row in cells] == words


def test_the_way_back_from_a_result_does_not_say_that_nothing_is_submitted(
    clerk: Visitor,
) -> None:
    preview = previewed(clerk, MIXED)
    done = clerk.send("/desk/submit/file/now", id=id_of(preview))
    back = clerk.get(preview)
    assert back.status_code == 303
    assert back.headers["location"] == done.headers["location"]


NEW_ROW = {
    "en": ("would be accepted", "accepted"),
    "tr": ("kabul edilecek", "kabul edildi"),
}
"""What a new row is called before and after the submission."""


def chips(page: str) -> list[str]:
    """The words for each row."""
    return re.findall(
        r'class="chip verdict-\w+">([^<]+)</span>', page.partition("<tbody>")[2]
    )


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_row_is_called_the_same_before_and_after_the_submission(
    clerk: Visitor, ledger: Engine, language: str
) -> None:
    clerk.session.headers["accept-language"] = language
    take_in(ledger, PANEL, "ord_9")
    take_in(ledger, PANEL, "ord_other", key="taken")
    where = previewed(clerk, MIXED)
    before = chips(clerk.get(where).text)
    done = clerk.send("/desk/submit/file/now", id=id_of(where))
    after = chips(clerk.get(done.headers["location"]).text)
    assert len(set(before)) == len(set(after)) == 5
    planned, were = NEW_ROW[language]
    assert [were if one == planned else one for one in before] == after
    assert were in after
    assert were not in before


@pytest.mark.parametrize(
    ("times", "verdict", "said"),
    [
        ("2025-01-01 10:00,", "accepted", "not_before has passed: it is sent at once"),
        (",2025-01-01 10:00", "wrong", "cancel_before has passed"),
        ("01.01.2025 10:00,02.01.2025", "wrong", "cancel_before has passed"),
    ],
)
def test_a_time_that_has_passed_has_a_warning(
    clerk: Visitor, times: str, verdict: str, said: str
) -> None:
    head = "provider,order,not_before,cancel_before\n"
    where = previewed(clerk, f"{head}notpanel,ord_1,{times}\n")
    shown = clerk.get(where).text
    assert verdicts(shown) == [verdict]
    assert f'<p class="why" dir="auto">{said}<' in shown
    assert ("1 row has a start time" in shown) == (verdict == "accepted")
    later = clerk.get(previewed(clerk, f"{head}notpanel,ord_1,+15m,+30m\n")).text
    assert 'class="why"' not in later
    assert "has a start time" not in later


def test_all_columns_of_the_file_are_shown_but_personal_ones(clerk: Visitor) -> None:
    head = "provider,order,key,group,not_before,cancel_before,metadata.shop,param.ibans"
    later = (utc_now() + timedelta(days=1)).replace(microsecond=0)
    row = f"akinon,1,k-1,june,+15m,{later.isoformat()},No 7,TR-secret"
    where = previewed(clerk, f"{head}\n{row}\n")
    preview = clerk.get(where).text
    done = clerk.send("/desk/submit/file/now", id=id_of(where))
    for shown in (preview, clerk.get(done.headers["location"]).text):
        for text in ("k-1", "june", "+15m", "metadata.shop=No 7"):
            assert re.search(rf"<bdi[^>]*>{re.escape(text)}", shown)
        assert f'<time datetime="{later:%Y-%m-%dT%H:%M:%S}.000Z" data-at>' in shown
        assert "TR-secret" not in shown


@given(
    st.dictionaries(
        st.sampled_from(["provider", "params", "metadata", "order"]), nested
    )
)
def test_no_entry_is_too_strange_to_be_shown(entry: dict[str, Any]) -> None:
    for text in fields_of(entry).values():
        assert text
        text.encode()


def test_the_same_file_uploaded_again_is_known(clerk: Visitor, ledger: Engine) -> None:
    content = HEAD + "notpanel,ord_1,,\n"
    clerk.send("/desk/submit/file/now", id=id_of(previewed(clerk, content)))
    shown = clerk.get(previewed(clerk, content)).text
    assert verdicts(shown) == ["known"]
    assert "No row would be accepted" in shown
    assert len(rows(ledger)) == 1


def test_what_excel_does_to_a_sheet_is_undone_or_refused_in_words(
    clerk: Visitor, ledger: Engine
) -> None:
    when = datetime(2020, 11, 20, 18, 0)  # noqa: DTZ001  (Excel's times have no zone)
    sheet = book(
        ["provider", "order ", "not_before"],
        ["ithink", 86210010463.0, None],
        ["ithink", 8.621001046312e19, None],
        ["notpanel", "  ord_1 ", when],
    )
    where = previewed(clerk, sheet, zone="Europe/Istanbul")
    assert verdicts(clerk.get(where).text) == ["accepted", "wrong", "accepted"]
    clerk.send("/desk/submit/file/now", id=id_of(where))
    found = {row.order_id: row.not_before for row in rows(ledger)}
    assert found.keys() == {"86210010463", "ord_1"}
    assert from_ms(found["ord_1"]) == datetime(2020, 11, 20, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("30.11.2020 18:00", "accepted"),
        ("1.2.2020 9:05:30", "accepted"),
        ("30.11.2020", "accepted"),
        ("31.11.2020 18:00", "wrong"),
        ("11/30/2020 18:00", "wrong"),
    ],
)
def test_a_time_may_be_written_as_turkish_excel_writes_it(
    clerk: Visitor, written: str, shown: str
) -> None:
    file = f"provider;order;not_before\nnotpanel;ord_1;{written}\n"
    assert verdicts(clerk.get(previewed(clerk, file)).text) == [shown]


def test_a_time_with_the_day_first_is_in_the_zone_of_the_browser(
    clerk: Visitor, ledger: Engine
) -> None:
    file = "provider;order;not_before\nnotpanel;ord_1;01.12.2020 18:00\n"
    one = id_of(previewed(clerk, file, zone="Europe/Istanbul"))
    clerk.send("/desk/submit/file/now", id=one)
    (row,) = rows(ledger)
    assert row.not_before is not None
    assert from_ms(row.not_before) == datetime(2020, 12, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("written", ["01.12.2999", "1.12.2999", "2999-12-01"])
def test_a_deadline_without_a_time_is_the_end_of_its_day(
    clerk: Visitor, ledger: Engine, written: str
) -> None:
    file = f"provider;order;cancel_before\nnotpanel;ord_1;{written}\n"
    where = previewed(clerk, file, zone="Europe/Istanbul")
    said = "a whole day in the time zone Europe/Istanbul: cancel_before is its end"
    assert said in clerk.get(where).text
    clerk.send("/desk/submit/file/now", id=id_of(where))
    found = from_ms(rows(ledger)[0].cancel_before)
    assert found == datetime(2999, 12, 1, 20, 59, 59, tzinfo=UTC)


def test_a_file_that_a_former_version_has_read_is_shown(
    clerk: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the processes of the API are updated one after the other."""
    put = KeptUploads.put

    def put_former(self: KeptUploads, kind: str, id_: str, kept: Any) -> None:
        former = {k: v for k, v in kept.items() if k not in ("has_days", "zone")}
        put(self, kind, id_, former)

    monkeypatch.setattr(KeptUploads, "put", put_former)
    where = previewed(clerk, "provider,order\nnotpanel,ord_1\n")
    assert clerk.get(where).status_code == 200


def test_a_preview_without_days_says_nothing_of_them(clerk: Visitor) -> None:
    file = "provider;order;cancel_before\nnotpanel;ord_1;01.12.2999 00:00\n"
    assert "whole day" not in clerk.get(previewed(clerk, file)).text


@pytest.mark.parametrize(
    ("shown_as", "end"),
    [
        ("dd.mm.yyyy", "20:59:59"),
        ('[$-41F]d mmmm yyyy "saat" dddd', "20:59:59"),
        ("dd.mm.yyyy hh:mm", "21:00:00"),
    ],
)
def test_a_date_in_a_workbook_is_a_day_if_its_cell_shows_no_time(
    clerk: Visitor, ledger: Engine, shown_as: str, end: str
) -> None:
    made = Workbook()
    made.active.append(["provider", "order", "cancel_before"])
    made.active.append(["notpanel", "ord_1", datetime(2999, 12, 1)])  # noqa: DTZ001
    made.active["C2"].number_format = shown_as
    out = io.BytesIO()
    made.save(out)
    where = previewed(clerk, out.getvalue(), zone="Europe/Istanbul")
    clerk.send("/desk/submit/file/now", id=id_of(where))
    found = from_ms(rows(ledger)[0].cancel_before)
    assert found is not None
    assert f"{found:%H:%M:%S}" == end


def test_a_day_that_does_not_exist_is_said_to_be_missing(clerk: Visitor) -> None:
    file = "provider;order;cancel_before\nnotpanel;ord_1;31.11.2999 10:00\n"
    shown = clerk.get(previewed(clerk, file)).text
    assert "cancel_before names a day or a time that does not exist: write it" in shown
    assert "ISO 8601" not in shown.partition("<tbody>")[2]
    assert "31.11.2999 10:00" in shown


def test_a_csv_of_turkish_excel_is_read(clerk: Visitor, ledger: Engine) -> None:
    text = "provider;order;metadata.city\r\nnotpanel;ord_1;İzmir, Çeşme\r\n"
    where = previewed(clerk, text.encode("cp1254"))
    assert "It was read as Windows-1254" in clerk.get(where).text
    clerk.send("/desk/submit/file/now", id=id_of(where))
    assert rows(ledger)[0].meta == {"city": "İzmir, Çeşme"}


def test_a_group_is_given_to_rows_without_one(clerk: Visitor, ledger: Engine) -> None:
    where = previewed(clerk, HEAD + "notpanel,ord_1,,\n", group="tuesday")
    clerk.send("/desk/submit/file/now", id=id_of(where))
    assert rows(ledger)[0].group_name == "tuesday"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Choose a file"),
        (b"order\nord_1\n", "lacks provider"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, "old Excel workbook"),
        (b'[{"provider": "notpanel"}]', "JSON array"),
        (b"\xff\xfea\x00", "UTF-16"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_beside_its_form(
    clerk: Visitor, content: bytes, sentence: str
) -> None:
    refused = clerk.upload(content)
    assert refused.status_code == 422
    assert sentence in refused.text


def test_a_file_with_too_many_orders_is_refused(
    clerk: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_reading, "MOST_ROWS", 2)
    refused = clerk.upload((HEAD + "notpanel,ord_1,,\n" * 3).encode())
    assert "has more than 2 orders" in refused.text


def test_a_workbook_that_unpacks_to_too_much_is_refused(clerk: Visitor) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", b" " * (17 << 20))
    assert "larger than 16 MB" in clerk.upload(out.getvalue()).text


# --- who may do what ------------------------------------------------------------------


def test_a_preview_belongs_to_one_session(site: Served, clerk: Visitor) -> None:
    where = previewed(clerk, HEAD + "notpanel,ord_1,,\n")
    other = site.visitor(OPERATOR)
    assert other.get(where).status_code == 410
    assert other.get(where.replace("preview", "result")).status_code == 410


def test_a_later_file_replaces_the_preview(clerk: Visitor, ledger: Engine) -> None:
    first = previewed(clerk, HEAD + "notpanel,ord_1,,\n")
    previewed(clerk, HEAD + "notpanel,ord_2,,\n")
    assert clerk.send("/desk/submit/file/now", id=id_of(first)).status_code == 410
    assert rows(ledger) == []


def test_what_is_kept_is_sealed_and_ends_by_itself(
    clerk: Visitor, valkey_url: str
) -> None:
    line = '{"provider":"akinon","account":"shop","order":1,"metadata":{"a":"secret"}}'
    client = redis.Redis.from_url(valkey_url)
    before = set(client.keys("rescind:upload:*"))
    previewed(clerk, line)
    (key,) = set(client.keys("rescind:upload:*")) - before
    assert b"secret" not in (client.get(key) or b"")
    assert 0 < client.ttl(key) <= 1800


def test_without_redis_an_upload_is_refused_and_nothing_submitted(
    site: Served, clerk: Visitor, ledger: Engine
) -> None:
    site.context.redis = impatient("redis://127.0.0.1:1")
    refused = clerk.upload((HEAD + "notpanel,ord_1,,\n").encode())
    assert refused.status_code == 503
    assert "Redis cannot be reached" in refused.text
    assert rows(ledger) == []


# --- hostile uploads ------------------------------------------------------------------


def raw(who: Visitor, body: bytes, kind: str) -> Any:
    headers = {"Content-Type": kind}
    url = f"{who.base}/desk/submit/file"
    return who.session.post(
        url, data=body, headers=headers, allow_redirects=False, timeout=20
    )


def test_an_upload_is_read_only_for_who_may_submit(
    stranger: Visitor, operator: Visitor
) -> None:
    body, kind = b"x" * (3 << 20), "multipart/form-data; boundary=b"
    assert raw(stranger, body[:100], kind).status_code == 303
    assert raw(operator, body[:100], kind).status_code == 403


def test_an_upload_is_bounded(clerk: Visitor) -> None:
    refused = clerk.upload(b"x" * (LARGEST_UPLOAD + 20_000))
    assert refused.status_code == 413
    assert "The file is larger than 2 MB" in refused.text
    assert '<a class="button" href="/desk/submit">' in refused.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n\r\n",
        b'--b\r\nContent-Disposition: form-data; name="form_key"\r\n\r\nx',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nX: " + b"y" * 9000 + b"\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 30 + b"--b--",
    ],
)
def test_a_malformed_form_is_refused(clerk: Visitor, body: bytes) -> None:
    assert len(body.split(b"--b")) - 1 <= MOST_PARTS or len(body) > 1000
    assert raw(clerk, body, "multipart/form-data; boundary=b").status_code == 400


@pytest.mark.parametrize("kind", ["text/csv", "multipart/form-data", ""])
def test_another_kind_of_body_is_refused(clerk: Visitor, kind: str) -> None:
    assert raw(clerk, b"x", kind).status_code == 415


def test_a_form_without_the_sessions_key_is_refused(
    clerk: Visitor, ledger: Engine
) -> None:
    refused = clerk.upload((HEAD + "notpanel,ord_1,,\n").encode(), form_key="x")
    assert refused.status_code == 403
    assert rows(ledger) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_of_the_result_is_a_formula(text: str) -> None:
    one = {"line": 2, "cells": {"order": text}, "verdict": "wrong", "why": text}
    one |= {"state": "", "id": ""}
    (found,) = csv.DictReader(io.StringIO(result_csv([one]).removeprefix("\ufeff")))
    assert (found["Order"], found["Why"]) == (f"'{text}", f"'{text}")
