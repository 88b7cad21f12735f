"""Reads lists of cancellations page by page, with advice for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from rescind.browse.browsing import Found, Place, browse
from rescind.browse.part_search import find_part
from rescind.browse.search import search
from rescind.dashboard.advice import headline
from rescind.dashboard.listing_filter import Listing
from rescind.dashboard.own_words import advice_on
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import RETRYABLE
from rescind.provider.text import storable

PAGE = 50
MOST_PAGES = 100
"""Pages that are read for one form, when the rows that match are far apart."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed cancellation, with advice."""

    record: dict[str, Any]

    @property
    def advice(self) -> str:
        one = self.record
        said = headline(one["reason"], one["attempts"])
        return " ".join(filter(None, [said, advice_on(one)]))

    @property
    def retryable(self) -> bool:
        return may_be_retried(self.record)


def may_be_retried(record: dict[str, Any]) -> bool:
    """Whether it can be retried: it has ended, and its submission was valid."""
    valid = not record["key"].startswith(REFUSED_KEY)
    return record["state"] in RETRYABLE and valid


@dataclass(frozen=True, slots=True)
class Page:
    """A page of matching cancellations, in the order of the list."""

    rows: Sequence[Listed]
    next: str | None
    """The field ``after`` of the next page, or ``None`` at the end."""
    partial: bool
    """Whether the page ended before it was full: more rows may match behind it."""


def read_page(
    connection: Connection, listing: Listing, after: str = "", most: int = PAGE
) -> Page:
    """One page. A bounded number of rows is read: see ``Page.partial``.

    The first page of a search begins with its exact matches, beyond ``most``.
    """
    found = _found(connection, listing, _place(after), most)
    exact = [] if after else exact_matches(connection, listing)
    # By its exact order, a cancellation was on the first page.
    known = {one.record["id"] for one in exact or exact_matches(connection, listing)}
    rows = [_listed(row, listing) for row in found.rows if row.id not in known]
    following = None if found.next is None else _written(found.next)
    return Page([*exact, *rows], following, found.partial)


def exact_matches(connection: Connection, listing: Listing) -> list[Listed]:
    """What the search text names in full, and the other fields fit."""
    if not listing.q:
        return []
    wanted, own = listing.wanted(), listing.within.stored_key(listing.q)
    # A limited caller knows its keys as it sent them.
    names = dict.fromkeys([listing.q, own])
    rows = {row.id: row for name in names for row in search(connection, name, PAGE)}
    return [_listed(row, listing) for row in rows.values() if wanted.holds(row)]


def _listed(row: Row[Any], listing: Listing) -> Listed:
    return Listed({**as_record(row), "key": listing.within.shown_key(row.key)})


def _found(
    connection: Connection, listing: Listing, place: Place | None, most: int
) -> Found:
    wanted = listing.wanted()
    if listing.q:
        return find_part(connection, listing.q, wanted, most, place)
    return browse(connection, wanted, listing.sort, most, place)


def first_matches(
    connection: Connection, listing: Listing, most: int
) -> list[dict[str, Any]]:
    """The first matches: more than ``most`` of them if there are more."""
    found: list[dict[str, Any]] = []
    for page in _pages(connection, listing, most + 1):
        found += [one.record for one in page.rows]
        if len(found) > most:
            break
    return found


def _pages(connection: Connection, listing: Listing, most: int) -> Iterator[Page]:
    after = ""
    for _turn in range(MOST_PAGES):
        page = read_page(connection, listing, after, most)
        yield page
        if page.next is None:
            return
        after = page.next


def _written(place: Place) -> str:
    return f"{place.at}.{place.id}"


def _place(after: str) -> Place | None:
    at, dot, id_ = storable(after).partition(".")
    if not dot or not at.isascii() or not at.isdecimal() or len(at) > 18:
        return None
    return Place(int(at), id_)
