"""Why a message has no cancellations: it is kept as one entry, which says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode


@dataclass(frozen=True, slots=True)
class MessageFault:
    """It stands for a message's entries."""

    message: str
    """The id of the message: equal faults of two messages are two records."""
    says: str
    code: RefusalCode = RefusalCode.INVALID_VALUE

    def error(self) -> InvalidRequestError:
        return InvalidRequestError(self.says, self.code)


def lacks_cancellations(message: str, unread: Sequence[str], most: int) -> MessageFault:
    """The fault of a message without them; ``unread`` names its other arguments."""
    says = f"the message lacks the argument cancellations, a list of at most {most}"
    if unread:
        says += f"; these arguments are not known: {', '.join(unread)}"
    return MessageFault(message, says, RefusalCode.MISSING)


def no_list(message: str, most: int) -> MessageFault:
    """The fault of a message whose cancellations are no list, or a too long one."""
    says = f"the message's argument cancellations must be a list of at most {most}"
    return MessageFault(message, says)


def has_plan_beside(message: str) -> MessageFault:
    says = "the message has cancellations and a plan: it must have only one of them"
    return MessageFault(message, says)
