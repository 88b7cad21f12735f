"""Parses RESCIND_REDIS_URL, so that redis-py and Kombu use the same server.

redis-py and Kombu write a socket, a database and an option in different ways. Each
ignores, or fails at, a form that only the other knows.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, urlencode, urlsplit

SUCH_AS = "redis://:password@host:6379/0, rediss://… or unix:///path/to/socket?db=0"
TLS = frozenset(
    {
        *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile"),
        *("ssl_check_hostname", "ssl_keyfile", "ssl_password"),
    }
)
DATABASE = ("db", "virtual_host")
SOCKETS = ("unix", "redis+socket")
INSTEAD = {
    "sentinel": "Sentinel is not supported. Give, as redis://, a name or an address of"
    " the master that moves with it",
    "amqp": "RabbitMQ is not supported. Rescind needs a Redis or a Valkey",
    "redis+cluster": "a Redis Cluster is not supported. Give a single Redis, with a"
    " replica for failover",
}
SAME = {
    "amqps": "amqp",
    "pyamqp": "amqp",
    "rediss+cluster": "redis+cluster",
    **dict.fromkeys(("redis+sentinel", "rediss+sentinel"), "sentinel"),
}
"""Other schemes that mean the same."""


def usable(text: str) -> str:
    """``text`` in the form of redis-py: redis://, rediss:// or unix://.

    Raises ``ValueError`` with a sentence that shows no part of a password.
    """
    try:
        parts = urlsplit(text)
        well = parts.port is None or parts.port > 0
    except ValueError:
        well = False
    if not well or parts.fragment:
        raise ValueError(
            f"is not the URL of a Redis: it must be such as {SUCH_AS}, and a # / ? or @"
            " within the password must be percent-encoded"
        )
    if parts.scheme in SOCKETS:
        return _of_socket(parts)
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError(_other(parts.scheme))
    return _of_server(parts)


def for_celery(url: str) -> str:
    """The result of ``usable`` in the form of Kombu."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def _of_server(parts: SplitResult) -> str:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = _database(given, parts.path.strip("/"))
    _need_known(given, TLS)
    query = "?" + urlencode(given, quote_via=quote, safe="/") if given else ""
    return f"{parts.scheme}://{parts.netloc}/{database}{query}"


def _of_socket(parts: SplitResult) -> str:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = _database(given, "")
    _need_known(given, frozenset())
    if not parts.path.strip("/") or parts.hostname:
        raise ValueError(
            "is not the URL of a Redis: a socket has three slashes and its path, as in"
            " unix:///run/redis/redis.sock?db=0"
        )
    return f"unix://{parts.netloc}{parts.path}?db={database}"


def _database(given: dict[str, str], path: str) -> str:
    """The database's number; removes it from ``given``."""
    named = [given.pop(name) for name in DATABASE if name in given]
    found = (named or [path or "0"])[0]
    if not (found.isascii() and found.isdigit()):
        raise ValueError("is not the URL of a Redis: the database must be a number")
    return found


def _need_known(given: dict[str, str], known: frozenset[str]) -> None:
    for name in sorted(given.keys() - known):
        near = get_close_matches(name, known | {"db"}, 1)
        meant = f": did you mean {near[0]}?" if near else ""
        shown = name if re.fullmatch(r"\w{1,40}", name, re.ASCII) else "one"
        raise ValueError(f"has an option that cannot be used here, {shown}{meant}")


def _other(scheme: str) -> str:
    found = INSTEAD.get(SAME.get(scheme, scheme))
    if found:
        return f"is {scheme}://…: {found}"
    named = f"{scheme}:// is not supported, " if 0 < len(scheme) <= 20 else ""
    return f"is not the URL of a Redis: {named}it must be such as {SUCH_AS}"


def verified(url: str) -> str:
    """``url``; raises ``ValueError`` if it switches TLS verification off.

    Without verification, any server could receive the password.
    """
    given = parse_qs(urlsplit(url).query)
    lax = [
        v
        for v in given.get("ssl_cert_reqs", ())
        if v.lower() not in ("required", "cert_required")
    ]
    lax += [v for v in given.get("ssl_check_hostname", ()) if v.lower() != "true"]
    if not lax:
        return url
    raise ValueError(
        "switches TLS verification off, which is not allowed: leave out ssl_cert_reqs"
        " and ssl_check_hostname, and give your server's certificate authority by"
        " ssl_ca_certs=/path/to/ca.pem"
    )
