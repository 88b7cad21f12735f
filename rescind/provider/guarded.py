"""Asks a provider's own code, whose faults must stop no other provider.

Providers come from other packages, too. A fault of one is logged without the values
that it was given, which may be personal data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rescind.provider.finding_rules import CallKind, in_words, misfits, only_fitting
from rescind.provider.http_messages import Reply
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError, Order, Parsed

log = logging.getLogger("rescind.providers")

T = TypeVar("T")


def asked(
    provider: Provider[Any], ask: Callable[[], T], otherwise: Callable[[str], T]
) -> T:
    """What ``ask`` returns. If the provider's code raises anything but
    ``InvalidRequestError``, what ``otherwise`` makes of a sentence that says so."""
    try:
        return ask()
    except InvalidRequestError:
        raise
    except Exception as error:  # noqa: BLE001  (it may be any code of others)
        why = f"the provider {provider.name} has a fault: {type(error).__name__}"
        log.error(why)  # noqa: TRY400  (a traceback may quote personal data)
        return otherwise(why)


def refused(why: str) -> Any:
    """For ``asked``: refuse the entry. Raises ``InvalidRequestError``."""
    raise InvalidRequestError(why)


def parsed(
    provider: Provider[Any], call: CallKind, orders: Sequence[Order], reply: Reply
) -> Parsed:
    """What the reply to a ``call``, ``cancel`` or ``read``, says of its ``orders``. A
    finding whose reason does not fit is a fault, which is logged, and says nothing."""
    parse = provider.parse_cancel if call == "cancel" else provider.parse_read
    said = parse(orders, reply)
    wrong = misfits(call, said)
    for words in {in_words(call, one) for one in wrong}:
        log.error("the provider %s has a fault: a %s", provider.name, words)
    return only_fitting(call, said) if wrong else said
