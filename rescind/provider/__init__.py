"""What a provider is made of: the interface that packages of other authors use.

Everything that a provider needs can be imported from here. The names are loaded on
use, so that a module that needs one of them does not load the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescind.provider.account import Account
    from rescind.provider.api_facts import Fact, assumed, documented, seen
    from rescind.provider.auth import basic, bearer, hmac_hex
    from rescind.provider.error_pages import turned_away, turned_away_login
    from rescind.provider.events import (
        Event,
        EventNews,
        UnreadableEventError,
        WithEvents,
        is_recent,
        same_secret,
    )
    from rescind.provider.http_messages import (
        Reply,
        Request,
        form_request,
        json_request,
    )
    from rescind.provider.interface import (
        INTERFACE_VERSION,
        Params,
        Provider,
        Token,
        WithLogin,
    )
    from rescind.provider.list_reading import ReadsByList
    from rescind.provider.outcomes import (
        UNKNOWN,
        BatchRefused,
        Finding,
        Findings,
        Held,
        InvalidRequestError,
        Order,
        Outcome,
        Parsed,
        Reason,
        Throttled,
        TokenRefused,
        UnreadableReplyError,
    )
    from rescind.provider.policy import Policy, seconds
    from rescind.provider.text import as_number, as_object, first_text, fold

_HOME = {
    "account": ("Account",),
    "auth": ("basic", "bearer", "hmac_hex"),
    "error_pages": ("turned_away", "turned_away_login"),
    "events": (
        *("Event", "EventNews", "UnreadableEventError", "WithEvents"),
        *("is_recent", "same_secret"),
    ),
    "api_facts": ("Fact", "assumed", "documented", "seen"),
    "http_messages": ("Reply", "Request", "form_request", "json_request"),
    "interface": ("INTERFACE_VERSION", "Params", "Provider", "Token", "WithLogin"),
    "list_reading": ("ReadsByList",),
    "outcomes": (
        *("UNKNOWN", "BatchRefused", "Finding", "Findings", "Held"),
        *("InvalidRequestError", "Order", "Outcome", "Parsed", "Reason"),
        *("Throttled", "TokenRefused", "UnreadableReplyError"),
    ),
    "policy": ("Policy", "seconds"),
    "text": ("as_number", "as_object", "first_text", "fold"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "INTERFACE_VERSION",
    "UNKNOWN",
    "Account",
    "BatchRefused",
    "Event",
    "EventNews",
    "Fact",
    "Finding",
    "Findings",
    "Held",
    "InvalidRequestError",
    "Order",
    "Outcome",
    "Params",
    "Parsed",
    "Policy",
    "Provider",
    "ReadsByList",
    "Reason",
    "Reply",
    "Request",
    "Throttled",
    "Token",
    "TokenRefused",
    "UnreadableEventError",
    "UnreadableReplyError",
    "WithEvents",
    "WithLogin",
    "as_number",
    "as_object",
    "assumed",
    "basic",
    "bearer",
    "documented",
    "first_text",
    "fold",
    "form_request",
    "hmac_hex",
    "is_recent",
    "json_request",
    "same_secret",
    "seconds",
    "seen",
    "turned_away",
    "turned_away_login",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
