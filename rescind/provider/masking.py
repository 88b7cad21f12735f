"""Masks secrets and personal data in replies, before they are stored or shown."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from urllib.parse import quote, quote_plus

from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Parsed,
    Throttled,
    TokenRefused,
)
from rescind.provider.personal_data import kept_members, masked_shapes, own_words

LEAST = 4
"""Shortest secret that is masked; a shorter one would match too many words."""
BETWEEN = r"[\s-]*"
"""Characters that may group a number, such as an IBAN by fours."""
SEPARATORS = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class _Sought:
    """The spellings of some secrets, to find them anywhere, whole or cut off."""

    forms: Sequence[str]
    """Spellings in small letters, the longest first."""
    bare: frozenset[str]
    """The spellings after ``_bare``."""
    beginnings: Mapping[str, Sequence[str]]
    """The spellings after ``_small``, by their first ``LEAST`` characters."""
    longest: int
    """Characters of the longest of ``beginnings``."""


LONGEST = 1000
"""Characters that ``mask`` keeps: as many as a person will read."""


def mask(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without any of ``secrets``, cut to ``LONGEST`` characters."""
    return _masked(text, secrets)[:LONGEST]


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    text = text.replace("\x00", "")
    if len(text) < LEAST:
        return text
    sought = _sought(secrets)
    bare = _bare(text)
    # The pattern is slow. This finds all that the pattern would find.
    if any(form in bare for form in sought.bare):
        text = _pattern(secrets).sub("***", text)
    return _without_beginning(text, sought)


def _bare(text: str) -> str:
    """``text`` without separators and without differences of case."""
    small = text.casefold().replace("ı", "i").replace("\u0307", "")
    return SEPARATORS.sub("", small)


@lru_cache(maxsize=64)  # making one takes longer than a call
def _sought(secrets: tuple[str, ...]) -> _Sought:
    spelt = {form.lower() for one in secrets for form in _spellings(one)}
    # The longest first: masking a short one must not leave the rest of a longer one.
    forms = sorted((f for f in spelt if len(f) >= LEAST), key=len, reverse=True)
    beginnings = _beginnings(forms)
    longest = max((len(one) for same in beginnings.values() for one in same), default=0)
    return _Sought(forms, frozenset(map(_bare, forms)), beginnings, longest)


@lru_cache(maxsize=8)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str]:
    forms = _sought(secrets).forms
    sought = "|".join(BETWEEN.join(map(re.escape, form)) for form in forms)
    return re.compile(sought, re.IGNORECASE)


def _beginnings(forms: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for form in dict.fromkeys(_small(one) for f in forms for one in (f, _dotless(f))):
        grouped = " ".join(re.findall(".{1,4}", form, re.DOTALL))
        for one in (form, grouped):
            found.setdefault(one[:LEAST], []).append(one)
    return found


def _small(text: str) -> str:
    """``text`` in small letters, every kind of i the same; the length stays."""
    return text.replace("İ", "i").replace("ı", "i").lower()


def _dotless(text: str) -> str:
    # Python writes a small İ as an i and a combining dot.
    return text.replace("i\u0307", "i")


def _spellings(secret: str) -> set[str]:
    """``secret`` as it is written in JSON (PHP's too), a form, a URL and HTML; in small
    letters or capitals, Turkish ones too; and without spaces, as for an IBAN."""
    if len(secret) < LEAST:
        return set()
    found = set()
    for one in (secret, *_cases(secret)):
        bare, ascii_only = (
            json.dumps(one, ensure_ascii=flag)[1:-1] for flag in (False, True)
        )
        slashed = {form.replace("/", "\\/") for form in (bare, ascii_only)}
        encoded = one.encode("utf-8", "replace")
        in_urls = {quote(encoded), quote(encoded, safe=""), quote_plus(encoded)}
        together = "".join(one.split())
        found |= {one, together, bare, ascii_only, html.escape(one)}
        found |= slashed | in_urls
    return found


def _cases(secret: str) -> set[str]:
    """``secret`` in capitals and in small letters, by Turkish and by English rules."""
    small = secret.replace("İ", "i").replace("I", "ı").lower()
    capital = secret.replace("i", "İ").replace("ı", "I").upper()
    return {small, capital, secret.lower(), secret.upper()}


def _without_beginning(text: str, sought: _Sought) -> str:
    """``text`` without a secret's beginning at its end, where a secret was cut off."""
    tail = _small(text[-sought.longest :])
    cuts = (_cut(tail, *one) for one in sought.beginnings.items())
    rest = len(tail) - min(cuts, default=len(tail))
    return f"{text[:-rest]}***" if rest else text


def _cut(text: str, head: str, forms: Sequence[str]) -> int:
    """Where the beginning of one of ``forms`` starts at the end of ``text``; its length
    if there is none."""
    at = text.find(head)
    while at >= 0:
        rest = text[at:]
        if any(form.startswith(rest) for form in forms):
            return at
        at = text.find(head, at + 1)
    return len(text)


def masked_body(request: Request, reply: Reply, secrets: tuple[str, ...]) -> str:
    """The reply's body as it may be stored: without our secrets, without members that
    ``request`` does not keep, and without anything that looks like a person's number or
    address. Words of ``request`` stay."""
    # Cut before and after masking: half of a secret must not remain.
    body = kept_members(reply.body, request)[:16_384]
    text = _masked(body.decode("utf-8", "replace"), secrets)
    return masked_shapes(text, own_words(request))[:LONGEST]


class _Masked:
    """Masks texts, each only once: most answers of a batch are equal."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = mask(text, self._secrets)
        return found


def masked_words(parsed: Parsed, secrets: tuple[str, ...]) -> Parsed:
    match parsed:
        case Findings(by_order):
            masked = _Masked(secrets)
            return Findings({k: _masked_one(f, masked) for k, f in by_order.items()})
        case BatchRefused(finding):
            return BatchRefused(_masked_one(finding, partial(mask, secrets=secrets)))
        case Held(why, by_gateway):
            return Held(mask(why, secrets), by_gateway)
        case TokenRefused(why):
            return TokenRefused(mask(why, secrets))
        case Throttled(wait, why):
            return Throttled(wait, mask(why, secrets))


def _masked_one(finding: Finding, masked: Callable[[str], str]) -> Finding:
    if not finding.message and not finding.code:
        return finding
    message = finding.message and masked(finding.message)
    code = finding.code and masked(finding.code)
    if (code, message) == (finding.code, finding.message):
        return finding
    return replace(finding, code=code, message=message)
