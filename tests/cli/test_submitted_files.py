"""`rescind submit` reads the files that the dashboard reads."""

from __future__ import annotations

import pytest

from tests.cli.test_cli_support import Home

HEAD = "provider;order;cancel_before\n"
ISTANBUL = ("--timezone", "Europe/Istanbul", "--json")


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ("30.11.2999 23:59", "2999-11-30T20:59:00.000Z"),
        ("2999-11-30 23:59", "2999-11-30T20:59:00.000Z"),
        ("30.11.2999", "2999-11-30T20:59:59.000Z"),
        ("2999-11-30", "2999-11-30T20:59:59.000Z"),
        ("2999-11-30T23:59:00+01:00", "2999-11-30T22:59:00.000Z"),
    ],
)
def test_times_without_an_offset_are_in_the_zone_that_is_named(
    home: Home, written: str, deadline: str
) -> None:
    name = home.write("a.csv", f"{HEAD}notpanel;ord_1;{written}\n")
    done = home.run("submit", name, *ISTANBUL)
    assert done.status == 0, done.err
    assert done.records[0]["cancel_before"] == deadline
    is_day = ":" not in written
    assert ("a whole day in Europe/Istanbul: cancel_before" in done.err) is is_day


@pytest.mark.parametrize("written", ["30.11.2999 23:59", "30.11.2999", "2999-11-30"])
def test_without_a_zone_such_a_time_is_refused_by_its_value(
    home: Home, written: str
) -> None:
    rows = f"notpanel;ord_1;{written}\nnotpanel;ord_2;+1h\n"
    done = home.run("submit", home.write("a.csv", HEAD + rows), "--json")
    assert done.status == 2
    assert f"line 2: cancel_before {written} has no offset from UTC" in done.err
    assert "--timezone Europe/Istanbul" in done.err
    assert [one["order"] for one in done.records] == ["ord_2"]


def test_a_day_that_does_not_exist_is_said_to_be_missing(home: Home) -> None:
    name = home.write("a.csv", f"{HEAD}notpanel;ord_1;31.11.2999 10:00\n")
    done = home.run("submit", name, *ISTANBUL)
    assert done.status == 2
    assert "line 2: cancel_before names a day or a time that does not exist" in done.err


def test_an_unknown_zone_is_refused_before_the_file_is_read(home: Home) -> None:
    done = home.run("submit", "no.csv", "--timezone", "Europe/Istanbl")
    assert done.status == 2
    assert "--timezone: there is no 'Europe/Istanbl': did you mean" in done.err


def test_a_csv_of_turkish_excel_is_read_and_said_to_be_one(home: Home) -> None:
    text = "provider;order;metadata.city\r\nnotpanel;ord_1;İzmir, Çeşme\r\n"
    done = home.run("submit", home.write("a.csv", text.encode("cp1254")), "--json")
    assert done.status == 0
    assert done.records[0]["metadata"] == {"city": "İzmir, Çeşme"}
    assert "it was read as Windows-1254" in done.err


def test_a_broken_line_of_utf8_is_refused_alone(home: Home) -> None:
    head = "provider,order,metadata.city\nnotpanel,ord_1,Çeşme\n".encode()
    data = head + "notpanel,ord_2,Şile\n".encode("cp1254")
    done = home.run("submit", home.write("a.csv", data), "--json")
    assert done.status == 2
    assert done.records[0]["metadata"] == {"city": "Çeşme"}
    assert "line 3: is not UTF-8: save the file as UTF-8" in done.err


@pytest.mark.parametrize(("size", "said"), [(1, "1 row: 1 acc"), (2, "2 rows: 2 acc")])
def test_the_number_of_rows_is_said_in_its_form(
    home: Home, size: int, said: str
) -> None:
    rows = "".join(f"notpanel,ord_{n}\n" for n in range(size))
    done = home.run("submit", home.write("a.csv", f"provider,order\n{rows}"))
    assert done.out.startswith(said)
