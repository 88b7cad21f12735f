"""The options of ``rescind init`` that the command line gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Given:
    """The options of ``rescind init``; the dialogue asks for the missing ones."""

    provider: str | None = None
    account: str | None = None
    base_url: str | None = None
    keep: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """The path of each credential that is in a file, by the credential's name."""
    redis_url: str | None = None
    database_url: str | None = None
    tokens: Sequence[str] = ()
    webhook_hosts: str | None = None
