"""Checks the fields of an entry that are objects: ``params`` and ``metadata``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable

LARGEST_OBJECT = 16_384
"""The most bytes of ``params`` or ``metadata`` as JSON."""
DEEPEST_OBJECT = 32


def open_params(provider: Provider[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The params that are no personal data."""
    return {k: v for k, v in params.items() if k not in provider.sealed_params}


def object_of(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object in this field; raises ``InvalidRequestError`` with a sentence."""
    value = entry.get(name)
    if value is None:
        return {}
    where = f"/{name}"
    if not isinstance(value, dict):
        says = f"{name} must be an object with named values"
        raise InvalidRequestError(says, param=where)
    if _deeper(value, DEEPEST_OBJECT):
        # Every worker must be able to read it, also deep in a call stack.
        says = f"{name} must not be nested more than {DEEPEST_OBJECT} deep"
        raise InvalidRequestError(says, RefusalCode.TOO_LARGE, where)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        says = f"{name} must be plain JSON"
        raise InvalidRequestError(says, param=where) from None
    if len(text.encode("utf-8", "replace")) > LARGEST_OBJECT:
        says = f"{name} must be at most {LARGEST_OBJECT} bytes"
        raise InvalidRequestError(says, RefusalCode.TOO_LARGE, where)
    if storable(text) != text or "\\u0000" in text:
        says = f"{name} holds a character that cannot be kept"
        raise InvalidRequestError(says, param=where)
    return value


def _deeper(value: object, levels: int) -> bool:
    """Whether objects or lists are nested in ``value`` more than ``levels`` deep."""
    layer = [value]
    for _ in range(levels + 1):
        inner: list[object] = []
        for one in layer:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        layer = inner
    return bool(layer)
