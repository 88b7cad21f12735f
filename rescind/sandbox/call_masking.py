"""Masks credentials and personal data in the calls that the sandbox shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

MASK = "***"
LEAST = 4
"""Shortest secret that is masked where it is quoted in a text."""
LONGEST = 4000
"""Characters of a body that are shown."""
SECRET = re.compile(
    r"(?:^|[_-])(?:key|hash|token|secret|password|pass|pwd|signature|sig|auth"
    r"|authorization|username|apikey|credential|credentials|cookie)$",
    re.IGNORECASE,
)
"""Names of fields, headers and query parameters that hold credentials."""
NO_SECRET = frozenset({"payment_key", "idempotency-key"})
PERSONAL = frozenset({"ibans", "holder_names", "receipents", "text"})
"""Fields that hold bank accounts, names, telephone numbers and messages of people."""
PHONE = re.compile(r"\+?[0-9]{10,15}")


def is_secret(name: str) -> bool:
    """Whether a field of this name holds a credential."""
    return name.lower() not in NO_SECRET and bool(SECRET.search(name))


def masked(body: bytes, secrets: frozenset[str]) -> str:
    """A JSON or form body without credentials and personal data, cut to length.

    A body that cannot be read is not shown: nobody can say what it holds.
    """
    if not body:
        return ""
    text = body.decode("utf-8", "replace")
    shown = _json(text)
    if shown is None and text.lstrip()[:1] == "<":
        shown = text
    if shown is None:
        shown = _form(text)
    if shown is None:
        return f"({len(body)} bytes that are neither JSON nor a form)"
    return without(shown, secrets)[:LONGEST]


def masked_query(query: str, secrets: frozenset[str]) -> str:
    """A query string without credentials."""
    shown = _form(query)
    return MASK if query and shown is None else without(shown or "", secrets)


def without(text: str, secrets: frozenset[str]) -> str:
    """``text`` without any of ``secrets``, however it spells them."""
    spelt = {form for one in secrets for form in _spellings(one)}
    for form in sorted(spelt, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def secrets_in(body: bytes, headers: Mapping[str, str], query: str) -> frozenset[str]:
    """The values of all fields, headers and parameters that hold credentials."""
    found = set(_values(_read(body)))
    found |= {value for name, value in parse_qsl(query) if is_secret(name)}
    for name, value in headers.items():
        if is_secret(name):
            found |= {value, value.rpartition(" ")[2]}
    return frozenset(one for one in found if len(one) >= LEAST)


def _spellings(secret: str) -> tuple[str, ...]:
    written = json.dumps(secret)[1:-1]
    return (secret, quote(secret, safe=""), quote_plus(secret), written)


def _read(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return dict(parse_qsl(text))


def _values(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            hidden = secret or is_secret(name) or name in PERSONAL
            yield from _values(one, secret=hidden)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one, secret=secret)
    elif secret and isinstance(value, str | int):
        yield str(value)


def _json(text: str) -> str | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict | list):
        return None
    return json.dumps(_hidden(document), ensure_ascii=False)


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _field(str(name), one) for name, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    return value


def _field(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_secret(name) or name in PERSONAL:
        return MASK
    if name == "number" and isinstance(value, str) and PHONE.fullmatch(value):
        return MASK
    return _hidden(value)


def _form(text: str) -> str | None:
    try:
        fields = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    shown = [(n, MASK if is_secret(n) else value) for n, value in fields]
    return urlencode(shown, safe="*,")
