"""Dükkango's words, Turkish and English, and what a refusal in them says of an order.

No wording is documented for an order that was cancelled or completed before: all of it
is [A], read again on 2026-11-29. States are matched as complete words, because in
Turkish a negation, a condition and a question share the stem: *iptal edilmedi* (was not
cancelled), *iptal edilirse* (if it is cancelled), *edilmeden* (without being),
*edilecek* (will be).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.text import fold

HTTP_REFUSALS: Mapping[int, Reason] = {
    400: Reason.INVALID_REQUEST,  # "eksik alan"
    403: Reason.NOT_FOUND,  # "URL hatalı": no such id, or not this restaurant's
    404: Reason.NOT_FOUND,  # "sipariş bulunamadı"
}
"""Why a cancel is refused, by HTTP status [D]."""
CANCELLED = Finding(Outcome.CANCELLED, Reason.ALREADY_CANCELLED)
COMPLETED = Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
UNSAID = Finding(Outcome.REFUSED)
"""The cancel was refused without the order's state: read the order back."""

NOT_THE_ORDER = re.compile(
    r"\b(?:islem|odeme|iade|talep|talebi|istek|istegi|payment|refund|request|operation"
    r"|transaction|cancell?ation)\w*(?: \w+){0,3}?"
    r" (?:iptal edil|tamamlan|cancel|complet)\w*"
    r"|\biptal(?:i\w*)? (?:zaten )?tamamlan\w*"
)
"""Something else was cancelled or completed: an operation, or a payment."""
CAN_NOT_BE = re.compile(r"\bcan(?: ?not| not|['’]t) be \w+")
DENIED = re.compile(r"\b(?:degil\w*|not|never)\b|n['’]t\b")
UNSURE = re.compile(
    r"\b(?:yalnizca|sadece|veya|ya da|ve|only|or|and)\b|/"
    r"|\b(?:eger|ise|kadar|mi|mu|henuz)\b"
    # *daha önce* (before this) is folded into an English word.
    r"|\b(?:if|when|(?<!daha )once|until|unless|before|after|whether|will|being)\b"
    r"|\bto be\b"
)
"""With these words a sentence names a state, but not as the order's state."""

DONE = r"(?:di|en|mis(?:ti|tir)?|digi icin|diginden|mis durumda(?:dir)?)"
SAYS_CANCELLED = re.compile(
    rf"\biptal edil{DONE}\b"
    r"|\biptal (?:oldu|olmus(?:tur)?|durumunda(?:dir)?|statusunde(?:dir)?)\b"
    r"|\bzaten iptal(?= *(?:[.!,:;]|$))"
    r"|\balready\b.*(?<!be )\bcancell?ed\b"
    r"|\b(?:is|was|has been) (?:already )?cancell?ed\b"
)
SAYS_COMPLETED = re.compile(
    rf"\bteslim edil{DONE}\b"
    r"|\btamamlan(?:di|an|mis(?:ti|tir)?|digi icin|digindan|mis durumda(?:dir)?)\b"
    r"|\balready\b.*(?<!be )(?<!being )\b(?:completed|delivered)\b"
    r"|\b(?:is|was|has been) (?:already )?(?:completed|delivered)\b"
)
"""The two states, in folded, complete words: their negations share the stem."""

STATE_UNSAID = re.compile(
    r"\bislen(?:di|mis(?:tir)?)\b|\bislem gor(?:du|mus(?:tur)?)\b"
    r"|\bisleme alin(?:di|mis(?:tir)?)\b|\bsonuclan(?:di|mis(?:tir)?)\b"
    r"|\bkapa(?:li|ndi|nmis|tildi|tilmis)(?:tir)?\b"
    r"|\bdurum(?:u|da|undaki)?\b|\bstatu(?:su|de|sunde)?\b|\biptal ediliyor\b"
    r"|\balready (?:processed|closed|handled|finali[sz]ed)\b|\bstatus\b|\bstate\b"
)
"""The order was handled, or is in a state that the sentence does not name."""
IS_INVALID = re.compile(
    r"\bgecersiz\b|\bhatali\b|\beksik\b|\bzorunlu\b|\bgerekli\b"
    r"|\binvalid\b|\brequired\b|\bmissing\b|\bmust be\b"
)
"""The request is at fault, in any state of the order."""


def of_refusal(http: int, words: str | None) -> Finding:
    """What ``status: false`` with these words and this HTTP status says of an order."""
    text = NOT_THE_ORDER.sub("", CAN_NOT_BE.sub("", fold(words)))
    named = _states(text)
    if len(named) == 1 and not UNSURE.search(text):
        return named[0]
    if http < 400:
        return Finding(Outcome.UNKNOWN)
    if named or _is_unsaid(http, text):
        return UNSAID
    return Finding(Outcome.REFUSED, HTTP_REFUSALS.get(http, Reason.REFUSED))


def _states(text: str) -> list[Finding]:
    """The states that ``text`` names and does not deny."""
    if DENIED.search(text):
        return []
    forms = ((SAYS_CANCELLED, CANCELLED), (SAYS_COMPLETED, COMPLETED))
    return [finding for form, finding in forms if form.search(text)]


def _is_unsaid(http: int, text: str) -> bool:
    if IS_INVALID.search(text):
        return False
        # No other status is documented, so the order's state may be the cause.
    return http not in HTTP_REFUSALS or bool(STATE_UNSAID.search(text))
