"""One cancellation in several spellings: ``0312`` and ``312``, items in another order.

``intake.validation`` makes a new entry canonical before it is stored. An older version
stored entries unchanged. This module makes such rows canonical when it compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, Row

from providers.registry import provider_named
from rescind.intake.named_paths import Path
from rescind.intake.references import Reference
from rescind.ledger.changes.insertion import standing
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal, SealError
from rescind.ledger.storage.transactions import reading
from rescind.provider.guarded import asked, refused
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import plain_text

AT_ONCE = 1000
"""The most keys that one statement looks up."""


def canonical_order(entry: Mapping[str, Any]) -> str | None:
    """The order of an entry as it is kept and sent; ``None`` if it is not valid."""
    try:
        provider = provider_named(entry.get("provider"))
        found: str = asked(provider, lambda: _canonical(provider, entry), refused)
    except InvalidRequestError:
        return None
    return found


def _canonical(provider: Provider[Any], entry: Mapping[str, Any]) -> str:
    return provider.canonical_order(provider.check_order(entry.get("order")))


def respelled(entry: Mapping[str, Any]) -> str | None:
    """The order as it is kept and sent, if that is not what the entry says."""
    found = canonical_order(entry)
    written = plain_text(entry.get("order")) or ""
    return None if found is None or found == written.strip() else found


def same_order(one: NewCancellation, row: Row[Any]) -> bool:
    """Whether ``row``, which has the key of ``one``, is about the same order."""
    provider, stored = provider_named(one.provider), str(row.order_id)
    found = asked(provider, lambda: provider.canonical_order(stored), lambda _: stored)
    return found == one.order


def same_params(one: NewCancellation, row: Row[Any], seal: Seal) -> bool:
    """Whether ``row`` was submitted with the same params as ``one``."""
    provider = provider_named(one.provider)

    def canonical(params: Mapping[str, Any]) -> dict[str, Any]:
        return asked(
            provider, lambda: provider.canonical_params(params), lambda _: dict(params)
        )

    if canonical(row.params) != dict(one.params):
        return False
    if one.sealed is None or row.sealed is None:
        return one.sealed is row.sealed
    try:
        return bool(seal.open(one.sealed) == canonical(seal.open(row.sealed)))
    except SealError:
        # The row's seal key is missing, so it cannot be compared, and counts as equal.
        return True


def under_former_keys(
    engine: Engine, new: Sequence[NewCancellation]
) -> list[NewCancellation]:
    """``new``, with the keys under which an older version stored the same orders, in
    the references between the entries, too.

    Reads nothing from the ledger if all entries are in canonical form, as most are.
    May raise ``LedgerUnreachableError``.
    """
    former = {
        (one.provider, one.account, one.former_key): one.path
        for one in new
        if one.former_key is not None and one.former_key != one.key
    }
    if not former:
        return list(new)
    paths, kept = list(former), dict[Path, str]()
    with reading(engine) as connection:
        for start in range(0, len(paths), AT_ONCE):
            there = standing(connection, paths[start : start + AT_ONCE])
            kept |= {former[path]: path[2] for path in there}
    return [_under_kept_keys(one, kept) for one in new]


def _under_kept_keys(one: NewCancellation, kept: Mapping[Path, str]) -> NewCancellation:
    # An older version stored no keys of limited callers.
    if not one.within.unlimited:
        return one
    after = [_naming_kept_key(ref, kept) for ref in one.after]
    return replace(one, key=kept.get(one.path, one.key), after=after)


def _naming_kept_key(ref: Reference, kept: Mapping[Path, str]) -> Reference:
    if isinstance(ref, str) or ref.path is None or ref.path not in kept:
        return ref
    provider, account, _ = ref.path
    return replace(ref, path=(provider, account, kept[ref.path]))
