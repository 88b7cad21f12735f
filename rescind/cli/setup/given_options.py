"""What the command line said already, so that it need not be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Given:
    """The options of ``rescind init``; what is missing is asked for."""

    provider: str | None = None
    account: str | None = None
    base_url: str | None = None
    keep: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Credentials that are in files, by name."""
    redis_url: str | None = None
    database_url: str | None = None
    tokens: Sequence[str] = ()
    webhook_hosts: str | None = None
