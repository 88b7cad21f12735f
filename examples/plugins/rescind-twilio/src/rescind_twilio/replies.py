"""Reads Twilio's replies: a message, or an error with its code."""

from __future__ import annotations

from typing import Any

from rescind.provider import (
    UNKNOWN,
    Finding,
    Findings,
    Held,
    Outcome,
    Parsed,
    Reply,
    UnreadableReplyError,
    as_number,
    as_object,
    first_text,
    turned_away,
)
from rescind_twilio.vocabulary import (
    ACCOUNT_CODES,
    NOT_FOUND,
    of_cancel,
    of_reading,
    of_refusal,
)


def cancel_said(sid: str, reply: Reply) -> Parsed:
    """What the answer to a cancel says of the message ``sid``."""
    if held := _held(reply):
        return held
    if reply.ok:
        status = _status_of(sid, reply)
        return _about(sid, of_cancel(status), status, None)
    code, words = _error(reply)
    return _about(sid, of_refusal(code), str(code), words)


def reading_said(sid: str, reply: Reply) -> Parsed:
    """What the answer to a reading says of the message ``sid``."""
    if held := _held(reply):
        return held
    if reply.ok:
        status = _status_of(sid, reply)
        return _about(sid, of_reading(status), status, None)
    code, words = _error(reply)
    gone = code == NOT_FOUND and reply.status == 404
    return _about(sid, Finding(Outcome.GONE) if gone else UNKNOWN, str(code), words)


def probe_said(reply: Reply) -> Parsed:
    """What the list of messages says of the credentials."""
    if held := _held(reply):
        return held
    if reply.status == 404:
        return Held("Twilio knows no such account (404): check account_sid")
    if not reply.ok or not isinstance(reply.json_object().get("messages"), list):
        raise UnreadableReplyError(f"HTTP {reply.status} without a list of messages")
    return Findings({})


def _held(reply: Reply) -> Held | None:
    """Why the lane is held: another program answered, or the account is at fault."""
    if page := turned_away(reply):
        return page
    code, words = (None, None) if reply.ok else _named(reply)
    if reply.status not in (401, 403) and code not in ACCOUNT_CODES:
        return None
    advice = ACCOUNT_CODES.get(code or 0, ACCOUNT_CODES[20003])
    named = f"{reply.status}, {code}" if code else str(reply.status)
    return Held(f'Twilio refused the call ({named}, "{words or ""}"): {advice}')


def _named(reply: Reply) -> tuple[int | None, str | None]:
    """The error's code and words, if the body has them."""
    try:
        document = as_object(reply.json())
    except UnreadableReplyError:
        return None, None
    return as_number(document.get("code")), first_text(document.get("message"))


def _error(reply: Reply) -> tuple[int, str | None]:
    code, words = _named(reply)
    if code is None:
        # Another program may have answered, such as a proxy before the API.
        raise UnreadableReplyError(f"HTTP {reply.status} without an error code")
    return code, words


def _status_of(sid: str, reply: Reply) -> str:
    """The status of the message in a 2xx; empty if it is another message."""
    document: dict[str, Any] = as_object(reply.json())
    named = document.get("sid") == sid
    return (first_text(document.get("status")) or "") if named else ""


def _about(sid: str, finding: Finding, code: str, words: str | None) -> Findings:
    code_text = first_text(code)
    return Findings({sid: Finding(finding.outcome, finding.reason, code_text, words)})
