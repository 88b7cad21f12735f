"""The sandbox: simulates the five providers on one port, for tests and demos.

``sandbox.running()`` starts it in a process of its own and yields a control client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescind.sandbox.sandbox_client import Sandbox, running

__all__ = ["Sandbox", "running"]


def __getattr__(name: str) -> Any:
    # Imported only on use: the server does not need the client.
    if name in __all__:
        from rescind.sandbox import sandbox_client

        return getattr(sandbox_client, name)
    raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
