"""Keeping secrets and personal data out of whatever is kept or shown of a reply."""

from __future__ import annotations

import html
import json
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


def mask(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without any of ``secrets``, cut to what a person will read."""
    text = text.replace("\x00", "")
    spelt = {form for one in secrets if len(one) >= 4 for form in _spellings(one)}
    # The longest first: what is left of one must not be the rest of another.
    for form in sorted(spelt, key=len, reverse=True):
        text = text.replace(form, "***")
    return text[:1000]


def _spellings(secret: str) -> set[str]:
    """``secret`` as it stands in JSON (PHP's too), a form, a URL and HTML; and
    without spaces, as an IBAN may come back."""
    together = "".join(secret.split())
    bare, ascii_only = (
        json.dumps(secret, ensure_ascii=flag)[1:-1] for flag in (False, True)
    )
    slashed = {form.replace("/", "\\/") for form in (bare, ascii_only)}
    encoded = secret.encode("utf-8", "replace")
    in_urls = {quote(encoded), quote(encoded, safe=""), quote_plus(encoded)}
    return {secret, together, bare, ascii_only, html.escape(secret), *slashed, *in_urls}


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
