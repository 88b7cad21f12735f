"""The sandbox: simulates the providers on one port, for tests and demos.

``sandbox.running()`` starts it in a process of its own and yields a control client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescind.sandbox.login_tokens import Tokens
    from rescind.sandbox.orders import Order
    from rescind.sandbox.raw_http import Reply, Request, json_reply
    from rescind.sandbox.sandbox_client import Sandbox, running
    from rescind.sandbox.sandbox_settings import Settings
    from rescind.sandbox.simulation import Call, Notes, Simulation

_MODULE_OF = {
    **dict.fromkeys(("Sandbox", "running"), "sandbox_client"),
    **dict.fromkeys(("Call", "Notes", "Simulation"), "simulation"),
    **dict.fromkeys(("Reply", "Request", "json_reply"), "raw_http"),
    "Order": "orders",
    "Settings": "sandbox_settings",
    "Tokens": "login_tokens",
}
__all__ = [
    "Call",
    "Notes",
    "Order",
    "Reply",
    "Request",
    "Sandbox",
    "Settings",
    "Simulation",
    "Tokens",
    "json_reply",
    "running",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    # Imported only on use: the server does not need the client.
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
