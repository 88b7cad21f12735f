"""The five providers, simulated on one port: for the demo, the tests and benchmarks.

``python -m sandbox --port N`` runs it; ``with sandbox.running() as box:`` runs it in a
process of its own and hands over a typed client of its control API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.client import Sandbox, running

__all__ = ["Sandbox", "running"]


def __getattr__(name: str) -> Any:
    """Import the client only when it is asked for: the server needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sandbox import client  # noqa: PLC0415 - that is the point

    return getattr(client, name)
