"""The columns of a file by the words that people write: English and Turkish.

A column may always have the name of its field. This is the one table of other names.
The dashboard's file of results has the columns of the submitted file and those of
``RESULTS``, so that a corrected file of results can be submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rescind.provider.text import fold

OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "provider": ("sağlayıcı",),
    "account": ("hesap",),
    "order": ("sipariş", "sipariş no", "sipariş numarası"),
    "key": ("anahtar",),
    "group": ("grup",),
    "not_before": ("şundan önce değil", "en erken"),
    "cancel_before": ("son tarih", "şundan önce iptal"),
    "params": ("parametreler",),
    "metadata": ("ek bilgiler",),
    "on_group_end": ("grup bitince",),
    "ref": ("referans",),
    "after": ("şundan sonra",),
    "only_if": ("yalnızca şu olursa",),
}
RESULTS: Mapping[str, Sequence[str]] = {
    "line": ("satır",),
    "verdict": ("result", "sonuç"),
    "why": ("neden",),
    "state": ("durum",),
    "id": ("kimlik",),
}
"""The columns that say what became of a row: they are known, and not read."""
OTHER_PREFIXES: Mapping[str, Sequence[str]] = {
    "param": ("parametre",),
    "metadata": ("ek bilgi", "ek bilgiler"),
}
"""What stands before the point in columns such as ``param.reason_id``."""


def _by_name(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    names = {name: (name, *others) for name, others in table.items()}
    return {fold(one): name for name, all_ in names.items() for one in all_}


_FIELDS = _by_name({**OTHER_NAMES, **RESULTS})
_PREFIXES = _by_name(OTHER_PREFIXES)


def column_named(cell: str) -> str:
    """The column that a cell of the header names. Capitals, accents, and spaces for
    underscores do not matter, except in a parameter's own name. Any other text is
    returned in lower case up to its first point."""
    text = cell.strip()
    if (field := _FIELDS.get(fold(text.rstrip(".")))) is not None:
        return field
    before, dot, after = text.partition(".")
    prefix = _PREFIXES.get(fold(before)) if dot else None
    return f"{prefix or before.lower()}{dot}{after}"
