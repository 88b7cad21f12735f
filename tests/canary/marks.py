"""Marked values, and a search that finds them in any encoding."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

STEM = "kanaryaQ7vT"
"""Part of every marked credential and token."""
IBAN = "TR560006100519786457845678"
SPACED = "TR56 0006 1005 1978 6457 8456 78"
HOLDER = "Şükrü İğneci-Öztürk"
MARKS = (STEM, IBAN, HOLDER)
"""The values that must not be found in any place."""
PREFIX = f"{STEM}0token0"
"""The beginning of the tokens that a login issues."""


def marked(name: str) -> str:
    return f"{STEM}.{name}.{STEM}"


AWKWARD = f'p"a/ss\\wörd&<{STEM}>'
"""A password that every notation escapes differently."""


def spellings(mark: str) -> set[bytes]:
    """``mark`` in lower case, in the notations of several formats."""
    found = {mark.encode().hex().encode()}
    for one in (mark, mark.upper(), mark.lower()):
        ascii_only = json.dumps(one)[1:-1]
        texts = {
            one,
            ascii_only,
            json.dumps(one, ensure_ascii=False)[1:-1],
            json.dumps(ascii_only)[1:-1],
            repr(one)[1:-1],
            repr(one.encode())[2:-1],
            html.escape(one),
            quote(one),
            quote(one, safe=""),
            quote_plus(one),
        }
        found |= {text.encode().lower() for text in texts}
    return found


def in_base64(mark: str) -> set[bytes]:
    """The parts that base64 of any text with ``mark`` contains."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + mark.encode())
        # The first and the last group depend on the neighbouring characters.
        found.add(whole[4 if before else 0 : -4])
    return found | {one.translate(bytes.maketrans(b"+/", b"-_")) for one in found}


SPACE = re.compile(rb"[\s+-]|%20|\\u0020|&nbsp;")


def found_in(blob: bytes, marks: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The marks in ``blob``, each with the text around it."""
    small = blob.lower()
    together = SPACE.sub(b"", small)
    for mark in marks:
        bare = SPACE.sub(b"", mark.encode().lower())
        looks = [(small, form) for form in spellings(mark)]
        looks += [(blob, form) for form in in_base64(mark)] + [(together, bare)]
        for where, form in looks:
            at = where.find(form)
            if at >= 0:
                yield mark, where[max(0, at - 200) : at + len(form) + 60]
                break


def leaks(places: Mapping[str, bytes], marks: Iterable[str]) -> list[str]:
    """A line for each mark that is in a place."""
    listed = list(marks)
    return [
        f"{mark!r} in {place}: {around!r}"
        for place, blob in places.items()
        for mark, around in found_in(blob, listed)
    ]
