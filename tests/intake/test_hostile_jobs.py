"""Tests with hostile messages: valid entries are stored, and bad ones with a fault."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from structlog.testing import capture_logs

from rescind.config.settings import settings as chosen
from rescind.dashboard.known_sentences import known
from rescind.dashboard.translation import speak
from rescind.intake.files.file_reading import parse
from rescind.intake.files.file_rows import FileError, Row
from rescind.intake.message_faults import lacks_cancellations
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.submissions import MOST, take_in
from rescind.intake.validation import FIELDS
from rescind.ledger.reading.queries import as_record, find
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS, ENTRY, JSON, UUID
from tests.ledger.build import BY

ON_ONE_LEDGER = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def nested(depth: int) -> Any:
    return json.loads('{"x":[' * depth + "1" + "]}" * depth)


ODD: list[Any] = [
    *(None, True, False, 0, -1, 7, 1.5, -0.0, 10**4000, 10**5000),
    *(float("nan"), float("inf"), float("-inf"), [], {}, [[]], [None], {"": ""}),
    *("", " ", "x", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\uffff", "\u202e"),
    *("x" * 200_000, "ş" * 300, "refused:1", "a\nb", "1" * 5000, "../../x", "'; --"),
    *("+15m", "+999999d", "+1000000d", "-15m", "0001-01-01T00:00:00+00:00"),
    *("9999-12-31T23:59:59.999999-23:59", "10000-01-01T00:00:00Z", "2026-02-30"),
    *("2020-11-20T25:00:00Z", "2020-11-20T18:00:00+99:99", "١٢", "http://[", "\r\n"),
    *(nested(10), nested(200), {"x": 10**4000}, {"x": float("nan")}, {"\ud800": 1}),
    *({"\x00": "\x00"}, {"reason_id": 10**4000}, {"x" * 20_000: 1}, [{}] * 1000),
    {str(n): n for n in range(20_000)},
]
BASES: list[dict[str, Any]] = [
    {"provider": "dukkango", "order": UUID, "params": {"reason_id": 4}},
    {"provider": "akinon", "order": "7", "params": {"is_all": True, "reasons": {}}},
]


def spoilt() -> list[object]:
    """Every field and every param with every odd value, and values of other types."""
    with_one = [
        {"provider": "notpanel", "order": "ord_1", name: odd}
        for name in (*FIELDS, "x", "\ud800", "y" * 100_000)
        for odd in ODD
    ]
    within = [
        {**base, "params": {**base["params"], name: odd}}
        for base in BASES
        for name in ("reason_id", "reasons", "ibans", "cancel_items", "x", "\x00")
        for odd in ODD
    ]
    return [*ODD, *with_one, *within]


def good(number: int) -> dict[str, Any]:
    return {"provider": "notpanel", "order": f"good-{number}"}


def kept(engine: Engine, taken: list[Taken]) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        rows = [find(connection, one.id) for one in taken]
    return [as_record(row) for row in rows if row is not None]


def check_kept(engine: Engine, taken: list[Taken]) -> None:
    """Each entry has a record; a refused one has a sentence of bounded length."""
    found = kept(engine, taken)
    assert len(found) == len(taken)
    for one, record in zip(taken, found, strict=True):
        refused = one.receipt is Receipt.REFUSED
        assert (record["reason"] == "invalid_request") is refused
        if refused:
            assert record["state"] == "rejected"
            assert record["provider_message"] == storable(one.wrong or "")
            assert 0 < len(one.wrong or "") < 1500


def test_an_odd_value_affects_no_other_entry(engine: Engine, now: datetime) -> None:
    everything = spoilt()
    for start in range(0, len(everything), MOST // 2):
        chunk = everything[start : start + MOST // 2]
        entries = [
            one for at, odd in enumerate(chunk, start) for one in (odd, good(at))
        ]
        taken = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
        assert {one.receipt for one in taken[1::2]} == {Receipt.ACCEPTED}
        check_kept(engine, taken)


@given(entries=st.lists(JSON | ENTRY, max_size=12))
@ON_ONE_LEDGER
def test_any_message_is_stored_and_its_repetition_changes_nothing(
    engine: Engine, now: datetime, entries: list[object]
) -> None:
    taken = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    check_kept(engine, taken)
    before = kept(engine, taken)
    again = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    assert [one.id for one in again] == [one.id for one in taken]
    assert Receipt.ACCEPTED not in {one.receipt for one in again}
    assert kept(engine, again) == before


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**300), 10**300)
    # For larger floats, PostgreSQL returns a whole number with the same digits.
    | st.floats(-1e15, 1e15)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(metadata=st.lists(st.dictionaries(st.text(), PLAIN, max_size=4), max_size=8))
@ON_ONE_LEDGER
def test_the_stored_entry_is_what_was_given(
    engine: Engine, now: datetime, metadata: list[dict[str, Any]]
) -> None:
    with reading(engine) as connection:
        used = connection.exec_driver_sql("SELECT count(*) FROM cancellation").scalar()
    entries = [
        {**good(int(used or 0) + at), "metadata": one}
        for at, one in enumerate(metadata)
    ]
    taken = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    for one, given_, record in zip(taken, metadata, kept(engine, taken), strict=True):
        assert record["metadata"] == (given_ if one.wrong is None else {})


def test_a_repeated_entry_in_one_message_is_stored_once(
    engine: Engine, now: datetime
) -> None:
    entries = [good(1), {"provider": "x"}] * (MOST // 2)
    taken = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    assert len({one.id for one in taken}) == 2
    receipts = [one.receipt for one in taken]
    assert receipts.count(Receipt.ACCEPTED) == 1
    assert receipts.count(Receipt.DUPLICATE) == MOST // 2 - 1


@pytest.fixture
def entries_of(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[object]]:
    """The entries that ``rescind.submit`` makes of its arguments."""
    # The same settings as in the tests of the command line, which are cached.
    url = valkey_url.removesuffix("/0") + "/7"
    monkeypatch.setenv("RESCIND_REDIS_URL", url)
    # Another test's settings may still be cached.
    chosen.cache_clear()
    from tasks.submit import _entries

    return lambda *args, **kwargs: _entries(args, kwargs)


@given(
    args=st.lists(JSON, max_size=3),
    kwargs=st.dictionaries(st.sampled_from(["cancellations", "x", "\ud800"]), JSON),
)
@ON_ONE_LEDGER
def test_any_arguments_of_the_task_are_entries(
    entries_of: Callable[..., list[object]], args: list[Any], kwargs: dict[str, Any]
) -> None:
    assert isinstance(entries_of(*args, **kwargs), list)


def test_a_message_that_is_too_long_is_stored_as_one_refusal(
    entries_of: Callable[..., list[object]], engine: Engine, now: datetime
) -> None:
    entries = entries_of(cancellations=[good(n) for n in range(MOST + 1)])
    (one,) = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    assert one.receipt is Receipt.REFUSED
    (record,) = kept(engine, [one])
    assert record["state"] == "rejected"


@pytest.mark.parametrize(
    ("args", "more"),
    [
        ((), {"dry_run": True}),
        ((), {"a": 1, "b": 2}),
        (([],), {}),
        (([], 1), {"x": 1}),
    ],
)
def test_extra_arguments_are_logged_and_lose_no_entry(
    entries_of: Callable[..., list[object]], args: tuple[Any, ...], more: dict[str, Any]
) -> None:
    entries = [good(1), good(2)]
    with capture_logs() as lines:
        assert entries_of(*args, cancellations=entries, **more) == entries
    (line,) = [one for one in lines if "unknown arguments" in one["event"]]
    assert set(line["named"]) == {*more, *(["positional"] if args else [])}


def test_a_name_that_may_be_personal_is_not_logged(
    entries_of: Callable[..., list[object]],
) -> None:
    with capture_logs() as lines:
        entries_of(cancellations=[good(1)], **{"TR56 0006 1005 1978 6457 8000 01": 1})
    assert "TR56" not in str(lines)


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        (
            (),
            {"cancellation": {"order": "1"}, "dry_run": 1},
            (
                "lacks the argument cancellations, a list of at most 1000; these"
                " arguments are not known: cancellation, dry_run"
            ),
        ),
        ((), {}, "lacks the argument cancellations, a list of at most 1000"),
        ((), {"cancellations": 5}, "argument cancellations must be a list of at most"),
        (("x", "y"), {}, "argument cancellations must be a list of at most 1000"),
        ((), {"cancellations": [], "plan": "p"}, "has cancellations and a plan"),
    ],
)
def test_a_message_without_cancellations_is_kept_with_its_fault(
    entries_of: Callable[..., list[object]],
    engine: Engine,
    now: datetime,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    said: str,
) -> None:
    entries = entries_of(*args, **kwargs)
    (one,) = take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    assert said in str(one.wrong)
    (record,) = kept(engine, [one])
    assert record["provider_message"] == one.wrong
    speak("tr", "")
    assert known(one.wrong) != one.wrong
    speak(None, "")


def test_a_message_that_comes_twice_is_kept_once(engine: Engine, now: datetime) -> None:
    faults = [lacks_cancellations(one, [], MOST) for one in ("m1", "m1", "m2")]
    taken = take_in(engine, ACCOUNTS, SEAL, faults, now, by=BY)
    assert len({one.id for one in taken}) == 2


def test_a_name_that_may_be_personal_is_not_kept(
    entries_of: Callable[..., list[object]],
) -> None:
    assert "TR56" not in repr(entries_of(**{"TR56 0006 1005 1978 6457 8000 01": 1}))


def test_one_cancellation_without_a_list_is_accepted(
    entries_of: Callable[..., list[object]],
) -> None:
    assert entries_of(cancellations=good(1)) == [good(1)]
    assert entries_of([good(1)]) == [good(1)]


def test_each_message_without_cancellations_is_stored(
    entries_of: Callable[..., list[object]], engine: Engine, now: datetime
) -> None:
    taken = [
        one
        for _ in range(2)
        for one in take_in(engine, ACCOUNTS, SEAL, entries_of(x=1), now, by=BY)
    ]
    assert [one.receipt for one in taken] == [Receipt.REFUSED] * 2
    assert len({one.id for one in taken}) == 2


# --- files ----------------------------------------------------------------------------

LINE = '{"provider": "notpanel", "order": "ord_1"}'
HEAD = "provider,order,metadata.note\n"
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b'"a"b', b"\x00", b"{" * 5000]
    ),
    st.sampled_from([b"[" * 3000, b'{"a": NaN}', b'{"a": 1', b",,,", b"\x1a"]),
).map(lambda data: data.translate(None, b"\r\n"))


def rows(data: bytes) -> list[Row]:
    return list(parse(data, "file").rows)


@given(lines=st.lists(GARBAGE, max_size=8))
def test_a_valid_line_of_json_is_read_between_any_others(
    lines: list[bytes],
) -> None:
    found = rows(b"\n".join([LINE.encode(), *lines, LINE.encode(), *lines]))
    good = [row for row in found if row.entry == json.loads(LINE)]
    assert {1, len(lines) + 2} <= {row.line for row in good}
    assert len(found) == 2 + 2 * sum(bool(_text(line).strip()) for line in lines)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


@given(lines=st.lists(GARBAGE, max_size=8))
def test_a_valid_row_of_csv_is_read_after_any_others(
    lines: list[bytes],
) -> None:
    data = b"\n".join([HEAD.strip().encode(), *lines, b"notpanel,ord_1,x"])
    last = rows(data)[-1]
    metadata = {"note": "x"}
    expected = {"provider": "notpanel", "order": "ord_1", "metadata": metadata}
    assert last == Row(len(lines) + 2, expected)


@pytest.mark.parametrize(
    "line",
    [
        "notpanel,1," + "x" * 2_000_000,
        'notpanel,1,"' + "x" * 2_000_000,
        "notpanel" + ",1" * 500_000,
        '"' * 999_999,
        "\x00" * 1_000_000,
        "{" * 1_000_000,
    ],
    ids=lambda line: f"{line[:14]!r}…",
)
def test_a_line_of_megabytes_affects_no_other(line: str) -> None:
    found = rows(f"{HEAD}notpanel,ord_1,x\n{line}\nnotpanel,ord_2,y\n".encode())
    assert [row.line for row in found if row.wrong is None] == [2, 4]
    assert all(len(row.wrong or "") < 300 for row in found)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1254", "cp037"]
)
@pytest.mark.parametrize("head", [HEAD, LINE + "\n", "[\n", "", '"'])
def test_any_encoding_is_read_or_refused_in_a_sentence(
    encoding: str, head: str
) -> None:
    data = f"{head}notpanel,ord_1,şğı\n{LINE}\n".encode(encoding, "replace")
    with contextlib.suppress(FileError):
        assert all(isinstance(row, Row) for row in rows(data))
