"""Writes ``cancellations.csv``: 2,000 cancellations, 40 of them wrong.

    python -m examples.make_cancellations

The file is always the same, byte for byte: values that look random come from a hash.
All ids are made up, in the form that each provider uses. An empty cell is an absent
field; ``params`` and ``metadata`` are JSON objects.

36 of the wrong rows are refused, each for another mistake, which its ``key`` names.
(In one row, the key itself is the mistake.) The other 4 are valid alone, and wrong only
after another row: two repeat a row exactly, which changes nothing, and two use the key
of another cancellation, and are refused.
"""

from __future__ import annotations

import argparse
import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

from examples.example_rows import ITEMS, Row, cell, digest, draw, spread
from examples.wrong_rows import wrong_rows

HERE = Path(__file__).resolve().parent
CSV = HERE / "cancellations.csv"

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The letters of a ULID."""
GROUPS = ("storm-izmir", "stock-count", "fraud-check", "closed-for-bayram")
NO_IBAN = "TR00 0000 0000 0000 0000 0000 00"
"""Has the form of an IBAN, but is not valid: check digits are never 00."""


# --- good rows ----------------------------------------------------------------------


def notpanel(number: int) -> Row:
    if number == 333:
        # Valid here, but the provider may refuse a whole batch because of it.
        return Row("notpanel", "ord_bad01HG9X7KJP4N")
    drawn = digest("notpanel", number)[:20]
    return Row("notpanel", "ord_01HG9X" + "".join(CROCKFORD[b % 32] for b in drawn))


def ithink(number: int) -> Row:
    if number == 222:
        return Row("ithink", "BAD86210010463")  # as above
    return Row("ithink", spread(86210010463, 37, "ithink", number))


def iletimerkezi(number: int) -> Row:
    return Row("iletimerkezi", spread(312891245, 23, "iletimerkezi", number))


def dukkango(number: int) -> Row:
    payment_key = uuid.UUID(bytes=digest("dukkango", number)[:16], version=4)
    reason = {"reason_id": number % 8 + 1}
    return Row("dukkango", str(payment_key), params=cell(reason))


def akinon(number: int) -> Row:
    """Two of three rows cancel the whole order; a few name an IBAN for the refund."""
    order = spread(1048201, 11, "akinon", number)
    items: tuple[int, ...] = ITEMS
    params: dict[str, object] = {"is_all": True}
    if number % 3 == 2:
        count, first = 1 + draw(2, "items", number), draw(3, "first", number)
        items = tuple(sorted((ITEMS * 2)[first : first + count]))
        params = {"cancel_items": items}
    params["reasons"] = {str(item): 2 for item in items}
    if number % 40 == 5:
        params["ibans"] = {str(item): NO_IBAN for item in items}
        params["holder_names"] = {str(item): "Örnek Müşteri" for item in items}
    return Row("akinon", order, params=cell(params))


SHARES = (
    (notpanel, 600),
    (ithink, 600),
    (iletimerkezi, 320),
    (dukkango, 240),
    (akinon, 200),
)


def good_rows() -> Iterator[Row]:
    """The 1,960 good rows, provider by provider."""
    plain = (make(number) for make, share in SHARES for number in range(share))
    for number, row in enumerate(plain):
        yield _dressed(number, row)


def _dressed(number: int, row: Row) -> Row:
    """``row`` with some of the optional fields that all providers have."""
    shop_order = str(1001 + number)
    if draw(4, "metadata", number) == 0:
        row = row._replace(metadata=cell({"shop_order": shop_order}))
    if draw(10, "key", number) == 0:
        row = row._replace(key=f"shop-{shop_order}")
    if draw(5, "group", number) == 0:
        row = row._replace(group=GROUPS[draw(len(GROUPS), "which", number)])
    if draw(25, "account", number) == 0:
        row = row._replace(account="default")
    if number % 300 == 150:
        row = row._replace(cancel_before="+10m")
    if number == 700:
        row = row._replace(not_before="+3s")
    return row


# --- late rows ----------------------------------------------------------------------


def late_rows(good: list[Row]) -> Iterator[tuple[Row, Row, int]]:
    """4 rows that are wrong only after another: the other, the row, the distance."""
    plain = [row for row in good if not row.key and not row.not_before]
    twice = next(row for row in plain if row.provider == "notpanel" and row.metadata)
    yield twice, twice, 1
    twice = next(row for row in plain if row.provider == "ithink" and row.group)
    yield twice, twice, 450
    keyed = next(row for row in good if row.provider == "notpanel" and row.key)
    yield keyed, keyed._replace(order="ord_01HG9YWR0NG08"), 60
    reasoned = next(row for row in plain if row.provider == "dukkango")
    yield reasoned, reasoned._replace(params=cell({"reason_id": 8})), 200


# --- all of them --------------------------------------------------------------------


def all_rows() -> list[Row]:
    """The 2,000 rows, shuffled; a late row comes after the one that it repeats."""
    good = list(good_rows())
    rows = sorted([*good, *wrong_rows()], key=lambda row: digest("shuffle", *row))
    for earlier, late, distance in late_rows(good):
        rows.insert(min(rows.index(earlier) + distance, len(rows)), late)
    return rows


def rendered() -> str:
    """The whole file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(all_rows())
    return text.getvalue()


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m examples.make_cancellations",
        description=f"Write {CSV}. It has no options.",
    ).parse_args()
    CSV.write_text(rendered(), encoding="utf-8", newline="\n")
    print(f"{CSV.name}: {len(all_rows())} rows")
