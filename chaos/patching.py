"""Replaces or wraps functions of Rescind, by name.

A name that no longer exists is an error: a point that no worker passes, or a mutation
that breaks nothing, would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def put(owner: Any, name: str, new: Any) -> Any:
    """Replace the function ``name`` of a module or class; return the former one.

    Raises ``LookupError`` if the owner has none.
    """
    if not hasattr(owner, name):
        raise LookupError(
            f"{owner.__name__} has no {name} any more: correct its name in chaos/"
        )
    former = getattr(owner, name)
    setattr(owner, name, new)
    return former


def before(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Call ``act`` with the arguments of each call, before the call."""

    def outer(*args: Any, **kwargs: Any) -> Any:
        act(*args)
        return inner(*args, **kwargs)

    inner = put(owner, name, outer)
    wraps(inner)(outer)


def after(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Call ``act`` with the arguments of each call, after the call."""

    def outer(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        act(*args)
        return result

    inner = put(owner, name, outer)
    wraps(inner)(outer)
