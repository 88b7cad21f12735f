"""Keeping secrets and personal data out of whatever is kept or shown of a reply."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus

from providers.model import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Parsed,
    Reply,
    Throttled,
    TokenRefused,
)

LEAST = 4
"""Characters of a secret; anything shorter stands in too many words."""
BETWEEN = r"[\s-]*"
"""What a number may be grouped by, such as an IBAN by fours."""


def mask(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without any of ``secrets``, cut to what a person will read."""
    text = text.replace("\x00", "")
    forms, pattern = _sought(secrets)
    if pattern is not None:
        text = pattern.sub("***", text)
    return _without_beginning(text, forms)[:1000]


@lru_cache(maxsize=8)  # a batch's answers are masked one by one
def _sought(
    secrets: tuple[str, ...],
) -> tuple[Sequence[str], re.Pattern[str] | None]:
    spelt = {form.lower() for one in secrets for form in _spellings(one)}
    # The longest first: what is left of one must not be the rest of another.
    forms = sorted((f for f in spelt if len(f) >= LEAST), key=len, reverse=True)
    sought = "|".join(BETWEEN.join(map(re.escape, form)) for form in forms)
    return forms, re.compile(sought, re.IGNORECASE) if forms else None


def _spellings(secret: str) -> set[str]:
    """``secret`` as it stands in JSON (PHP's too), a form, a URL and HTML, in small
    letters or capitals, Turkish ones too; and without spaces, as an IBAN may come."""
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
    """Capitals and small letters that differ from those by more than their case."""
    small = secret.replace("İ", "i").replace("I", "ı").lower()
    capital = secret.replace("i", "İ").replace("ı", "I").upper()
    return {small, capital, secret.lower(), secret.upper()}


def _without_beginning(text: str, forms: Sequence[str]) -> str:
    """``text`` without the beginning of a secret, where it was cut in the middle."""
    last = text[-1:].lower()
    for form in forms:
        grouped = " ".join(re.findall(".{1,4}", form, re.DOTALL))
        for one in (form, grouped):
            for size in range(min(len(one) - 1, len(text)), LEAST - 1, -1):
                if one[size - 1] == last and text[-size:].lower() == one[:size]:
                    return f"{text[:-size]}***"
    return text


def masked_body(reply: Reply, secrets: tuple[str, ...]) -> str:
    # Cut before and after: a secret must not survive by being cut in half.
    text = reply.body[:16_384].decode("utf-8", "replace")
    return mask(text, secrets)


def masked_words(parsed: Parsed, secrets: tuple[str, ...]) -> Parsed:
    match parsed:
        case Findings(by_order):
            return Findings({k: _masked_one(f, secrets) for k, f in by_order.items()})
        case BatchRefused(finding):
            return BatchRefused(_masked_one(finding, secrets))
        case Held(why):
            return Held(mask(why, secrets))
        case TokenRefused(why):
            return TokenRefused(mask(why, secrets))
        case Throttled():
            return parsed


def _masked_one(finding: Finding, secrets: tuple[str, ...]) -> Finding:
    if not finding.message and not finding.code:
        return finding
    message = finding.message and mask(finding.message, secrets)
    code = finding.code and mask(finding.code, secrets)
    return Finding(finding.outcome, finding.reason, code, message)
