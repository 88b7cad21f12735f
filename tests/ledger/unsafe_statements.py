"""Finds statements of migrations that lock a large table of PostgreSQL for long."""

from __future__ import annotations

import re
from collections.abc import Collection

UNSAFE = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY).* ON {t}\b": "it blocks writes",
    r"ALTER TABLE {t}\b.*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": "it may rewrite",
    r"ALTER TABLE {t}\b.*\bSET NOT NULL\b": "it reads all rows under an exclusive lock",
    r"ALTER TABLE {t}\b.*\bADD COLUMN\b.*\bDEFAULT (?!'[^']*'( |$)|\d+( |$)|NULL\b)": (
        "its default may differ between rows"
    ),
    r"ALTER TABLE {t}\b.*\bADD CONSTRAINT (?!.*(NOT VALID|USING INDEX))": (
        "it reads all rows under an exclusive lock"
    ),
    r"(UPDATE {t}|DELETE FROM {t})\b(?!.* <= )": "it changes all rows at once",
    r"(VACUUM FULL|CLUSTER|REINDEX \w+|TRUNCATE)\b.*\b{t}\b": "it rewrites",
    r"LOCK TABLE {t}\b": "it locks",
}
"""Patterns of a statement about the table ``{t}``, and why each is unsafe."""


def why_unsafe(statement: str, tables: Collection[str]) -> str | None:
    """Why this statement may lock one of ``tables`` for long; ``None``: it does not."""
    line = " ".join(statement.replace('"', "").split())
    for table in tables:
        for pattern, why in UNSAFE.items():
            if re.search(pattern.replace("{t}", table), line, re.IGNORECASE):
                return f"{why}: {line}"
    if re.search(r"DROP INDEX (?!CONCURRENTLY)", line, re.IGNORECASE):
        return f"it waits for an exclusive lock: {line}"
    return None
