"""The keys under which the ledger may have what an entry waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from providers.registry import BY_NAME
from rescind.intake.references import EarlierEntry, Reference
from rescind.ledger.changes.new_cancellation import NewCancellation

Path = tuple[str, str, str]
"""Provider, account and key."""


def mark_followed(new: Sequence[NewCancellation]) -> None:
    """Note in those of ``new`` for which others of them wait that they do: then their
    rows need not be written again."""
    named = {path for one in new for ref in one.after for path in paths_of(one, ref)}
    for one in new if named else ():
        one.followed = one.path in named


def paths_of(one: NewCancellation, ref: Reference) -> Sequence[Path]:
    """The keys under which the ledger may have it, the caller's own first."""
    if not isinstance(ref, EarlierEntry):
        return tuple(_paths_of_text(one, ref))
    if ref.path is None:
        return ()
    provider, account, key = ref.path
    return ((provider, account, one.within.stored_key(key)),)


def _paths_of_text(one: NewCancellation, ref: str) -> Iterator[Path]:
    provider, slash, rest = ref.partition("/")
    account, more, key = rest.partition("/")
    if not slash or not more or provider not in BY_NAME:
        return
    spelled = (key, BY_NAME[provider].canonical_order(key))
    for each in dict.fromkeys(spelled):
        yield provider, account, one.within.stored_key(each)
    for each in dict.fromkeys(spelled):
        yield provider, account, each
