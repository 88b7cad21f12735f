"""What a repeated submission says otherwise than the ledger, which stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms


def differences(one: NewCancellation, row: Row[Any]) -> tuple[str, ...]:
    """The fields in which ``one`` differs from ``row``, which has the same key, order
    and params. A field that only one of the two has differs, too.
    """
    return tuple(_differing(one, row))


def _differing(one: NewCancellation, row: Row[Any]) -> Iterator[str]:
    pairs = {
        "not_before": (to_ms(one.not_before), row.not_before),
        "cancel_before": (to_ms(one.cancel_before), row.cancel_before),
        "group": (one.group, row.group_name),
        "metadata": (_canonical(one.metadata), _canonical(row.meta)),
        "callback_url": (one.callback_url, row.callback_url),
        "callback_task": (one.callback_task, row.callback_task),
        "callback_queue": (one.callback_queue, row.callback_queue),
    }
    return (name for name, (asked, kept) in pairs.items() if asked != kept)


def _canonical(value: Any) -> str:
    # As text: in Python, 1, 1.0 and True are equal.
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True)


def remark(state: str | None, differs: tuple[str, ...]) -> str | None:
    """A sentence on a repeat whose producer may expect something else; ``None`` if
    there is nothing to say. ``state`` is the state of the cancellation in the ledger.
    """
    if state == State.WITHDRAWN:
        return (
            "it was submitted before and then withdrawn, so nothing is sent;"
            " `rescind retry` opens a new round"
        )
    if differs:
        return (
            f"it was submitted before with another {' and '.join(differs)}: nothing"
            " was changed"
        )
    return None
