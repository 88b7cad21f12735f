"""Parses a RESCIND_REDIS_URL that names Sentinels: sentinel://…;sentinel://…?master=…

Sentinels know which server is the master. The URL names them, the master's name, the
password of the Redis servers and, as options, the password of the Sentinels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from rescind.config.url_options import (
    DATABASE,
    TLS,
    VERIFICATION,
    database_in,
    need_known,
)

SCHEME = "sentinel"
PORT = 26_379
"""The usual port of a Sentinel."""
SUCH_AS = (
    "sentinel://user:password@host1:26379;sentinel://host2:26379;"
    "sentinel://host3:26379/0?master=mymaster"
)
OPTIONS = frozenset(
    {"master", "sentinel_username", "sentinel_password", "ssl", *DATABASE, *TLS}
)


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The Sentinels of one master, and how to log in at both."""

    hosts: tuple[tuple[str, int], ...]
    """The host and port of each Sentinel."""
    master: str
    """The name that the Sentinels give the master."""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    """Of the Redis servers."""
    own_username: str = ""
    own_password: str = field(default="", repr=False)
    """Of the Sentinels."""
    tls: dict[str, str] | None = field(default=None, repr=False)
    """The options of TLS; ``None`` without TLS."""

    @property
    def url(self) -> str:
        """The URL, in the form that Kombu understands too."""
        names = [f"{_in_brackets(host)}:{port}" for host, port in self.hosts]
        first, *rest = [f"{SCHEME}://{name}" for name in names]
        if self.username or self.password:
            user = f"{quote(self.username, '')}:{quote(self.password, '')}"
            first = f"{SCHEME}://{user}@{names[0]}"
        query = urlencode(self._options(), quote_via=quote, safe="/")
        return f"{';'.join([first, *rest])}/{self.database}?{query}"

    @property
    def of_first(self) -> str:
        """The URL with the first Sentinel alone, without the options."""
        return replace(self, hosts=self.hosts[:1]).url.partition("?")[0]

    def _options(self) -> dict[str, str]:
        given = {
            "master": self.master,
            "sentinel_username": self.own_username,
            "sentinel_password": self.own_password,
            "ssl": "" if self.tls is None else "true",
            **(self.tls or {}),
        }
        return {name: value for name, value in given.items() if value}

    @property
    def login(self) -> dict[str, Any]:
        """How to log in at the master, as arguments of a redis-py connection."""
        given = {"username": self.username, "password": self.password}
        return {name: value for name, value in given.items() if value}

    @property
    def own_options(self) -> dict[str, Any]:
        """How to connect to a Sentinel, as arguments of ``redis.Redis``."""
        given = {"username": self.own_username, "password": self.own_password}
        made: dict[str, Any] = {name: value for name, value in given.items() if value}
        return made if self.tls is None else {**made, "ssl": True, **self.certificates}

    @property
    def certificates(self) -> dict[str, str]:
        """The files of TLS. Verification is always on, so its options are left out."""
        tls = self.tls or {}
        return {name: tls[name] for name in tls.keys() - VERIFICATION}


def parse(text: str) -> Sentinels:
    """Raises ``ValueError`` with a sentence that shows no part of a password."""
    pieces = [_piece(one) for one in text.split(";") if one.strip()]
    given = _options(pieces)
    paths = {one.path.strip("/") for one in pieces} - {""}
    need_known(given, OPTIONS)
    database = database_in(given, _only(paths, "different databases"))
    if not given.get("master"):
        raise ValueError(
            "does not say which master the Sentinels watch: add its name, as in"
            f" {SUCH_AS}"
        )
    username, password = _login(pieces)
    tls = {name: given[name] for name in sorted(given.keys() & TLS)}
    return Sentinels(
        hosts=tuple((str(one.hostname), one.port or PORT) for one in pieces),
        master=given["master"],
        database=int(database),
        username=username,
        password=password,
        own_username=given.get("sentinel_username", ""),
        own_password=given.get("sentinel_password", ""),
        tls=tls if tls or _is_true(given.get("ssl", "false")) else None,
    )


def _piece(text: str) -> SplitResult:
    """One Sentinel of the URL. Each but the first may be written without a scheme."""
    whole = text.strip() if "://" in text else f"{SCHEME}://{text.strip()}"
    try:
        parts = urlsplit(whole)
        well = parts.scheme == SCHEME and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.fragment or "/" in parts.path.strip("/"):
        raise ValueError(
            f"is not the URL of Sentinels: it must be such as {SUCH_AS}, and a # / ? ;"
            " or @ within the password must be percent-encoded"
        )
    return parts


def _options(pieces: list[SplitResult]) -> dict[str, str]:
    given: dict[str, str] = {}
    for one in pieces:
        given |= dict(parse_qsl(one.query, keep_blank_values=True))
    return given


def _login(pieces: list[SplitResult]) -> tuple[str, str]:
    """The user and password of the Redis servers. Each Sentinel may repeat them."""
    found = {(one.username or "", one.password or "") for one in pieces} - {("", "")}
    if len(found) > 1:
        raise ValueError(
            "gives different passwords for one master: give that of the Redis servers"
            " once, and that of the Sentinels as sentinel_password=…"
        )
    username, password = next(iter(found), ("", ""))
    return unquote(username), unquote(password)


def _only(found: set[str], what: str) -> str:
    if len(found) > 1:
        raise ValueError(f"names {what}: give one, at its end")
    return next(iter(found), "")


def _is_true(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("has the option ssl, which must be true or false")
    return text.lower() == "true"


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host
