"""Converts an entry of a submission into a ledger row, also if it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, Callbacks, Wanted
from rescind.intake.limited_entries import opened
from rescind.intake.validation import FIELDS, Checked, check
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning, waiting
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.progress import Progress
from rescind.ledger.seal import Seal
from rescind.ledger.states import State
from rescind.provider.outcomes import InvalidRequestError, Reason
from rescind.provider.text import plain_text, storable


def as_new(
    entry: object,
    accounts: Accounts,
    seal: Seal,
    now: datetime,
    callbacks: Callbacks = NO_CALLBACKS,
    *,
    by: str,
) -> NewCancellation:
    """The new ledger row for ``entry``; ``rejected`` if the entry is wrong."""
    entry, within = opened(entry)
    try:
        checked = check(entry, accounts, now, callbacks, within)
    except InvalidRequestError as error:
        wanted = callbacks.of_what_is_refused(entry)
        return invalid(entry, error, seal, now, wanted, within, by=by)
    return _valid(checked, seal, now, within, by)


def _valid(
    checked: Checked, seal: Seal, now: datetime, within: Limits, by: str
) -> NewCancellation:
    sealed = seal.close(checked.personal) if checked.personal else None
    return NewCancellation(
        id=new_id(),
        provider=checked.provider.name,
        account=checked.account,
        order=checked.order,
        key=within.stored_key(checked.key),
        progress=_beginning(checked, now),
        opened_at=max(checked.not_before or now, now),
        by=by,
        group=checked.group,
        params=checked.params,
        sealed=sealed,
        metadata=checked.metadata,
        callback_url=checked.callback.url,
        callback_task=checked.callback.task,
        callback_queue=checked.callback.queue,
        on_group_end=checked.callback.group_end,
        not_before=checked.not_before,
        cancel_before=checked.cancel_before,
        after=checked.after,
        only_if=checked.only_if,
        # An older version stored no keys of limited tokens.
        former_key=checked.former_key if within.unlimited else None,
        within=within,
    )


def _beginning(checked: Checked, now: datetime) -> Progress:
    if checked.cancel_before is None or checked.cancel_before > now:
        return waiting() if checked.after else beginning(checked.not_before, now)
    # The entry is valid, but may have waited too long in the queue.
    until = checked.cancellable_until
    if until is not None and until <= now:
        said = until.isoformat(timespec="seconds")
        why = f"the provider cancels it until {said}, which had passed when it arrived"
        return _too_late(why, now)
    return _too_late("cancel_before had passed when it arrived", now)


def _too_late(why: str, now: datetime) -> Progress:
    return Progress(
        State.EXPIRED, Reason.DEADLINE_PASSED, provider_message=why, finished_at=now
    )


def expired(one: NewCancellation, why: str, now: datetime) -> NewCancellation:
    return replace(one, progress=_too_late(why, now), opened_at=now)


def invalid(
    entry: object,
    error: InvalidRequestError,
    seal: Seal,
    now: datetime,
    callback: Wanted,
    within: Limits = EVERYTHING,
    *,
    by: str,
) -> NewCancellation:
    """The ``rejected`` row of an entry that was refused because of ``error``.

    The same wrong entry gets the same key, and so one row. After a change of the seal
    key it gets a second row, since nothing is ever sent for either.
    """
    wrong = str(error)
    shown = entry if isinstance(entry, dict) else {}
    group = _shown(shown.get("group"), "") or None
    return NewCancellation(
        id=new_id(),
        provider=_shown(shown.get("provider"), "unknown"),
        account=_shown(shown.get("account"), "default"),
        order=_shown(shown.get("order"), ""),
        key=f"{REFUSED_KEY}{_digest(entry, within.stored_key(wrong), seal)[:32]}",
        group=group,
        progress=Progress(
            State.REJECTED,
            Reason.INVALID_REQUEST,
            provider_message=storable(wrong),
            finished_at=now,
        ),
        opened_at=now,
        by=by,
        callback_url=callback.url,
        callback_task=callback.task,
        callback_queue=callback.queue,
        on_group_end=callback.group_end if group else None,
        refusal=error,
        within=within,
    )


def _digest(entry: object, wrong: str, seal: Seal) -> str:
    """A digest that is the same for the same wrong entry, of any content.

    Only the seal's key can compute it: any part of a wrong entry may be personal data.
    """
    try:
        text = json.dumps([entry, wrong], sort_keys=True, default=repr)
    except (TypeError, ValueError, RecursionError):
        # JSON cannot express it (too deep, a number too long): use the outer fields.
        shown = entry if isinstance(entry, dict) else {}
        text = json.dumps([_shown(shown.get(name), "") for name in FIELDS] + [wrong])
    return seal.digest(text.encode("utf-8", "replace"))


def _shown(value: object, otherwise: str) -> str:
    return storable(plain_text(value) or "")[:200] or otherwise


def is_refused(one: NewCancellation) -> bool:
    return one.key.startswith(REFUSED_KEY)
