"""Parses RESCIND_REDIS_URL, so that redis-py and Kombu use the same server.

redis-py and Kombu write a socket, a database and an option in different ways. Each
ignores, or fails at, a form that only the other knows.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, urlencode, urlsplit

from rescind.config import sentinel_url
from rescind.config.url_options import TLS, database_in, need_known

SUCH_AS = "redis://:password@host:6379/0, rediss://… or unix:///path/to/socket?db=0"
SOCKETS = ("unix", "redis+socket")
INSTEAD = {
    "sentinel": f"a URL of Sentinels must be such as {sentinel_url.SUCH_AS}",
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
    """``text`` in one form: redis://, rediss:// or unix:// as redis-py reads it, or
    sentinel://.

    Raises ``ValueError`` with a sentence that shows no part of a password.
    """
    if is_sentinel(text):
        return sentinel_url.parse(text).url
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


def is_sentinel(url: str) -> bool:
    return url.strip().startswith(f"{sentinel_url.SCHEME}://")


def for_celery(url: str) -> str:
    """The result of ``usable`` in the form of Kombu. See also ``broker_options``."""
    if is_sentinel(url):
        # With several, Kombu would try each as a server of its own after an error.
        return sentinel_url.parse(url).of_first
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def broker_options(url: str) -> dict[str, Any]:
    """The options of Kombu's transport that belong to the URL."""
    if not is_sentinel(url):
        return {}
    found = sentinel_url.parse(url)
    return {
        "master_name": found.master,
        "sentinels": [list(one) for one in found.hosts],
        "sentinel_kwargs": found.own_options,
    }


def broker_tls(url: str) -> dict[str, Any] | None:
    """The options of TLS that Kombu needs beside the URL; ``None`` without TLS."""
    if is_sentinel(url):
        found = sentinel_url.parse(url)
        return None if found.tls is None else found.certificates
    # The options of rediss:// are in the URL.
    return {} if url.startswith("rediss:") else None


def _of_server(parts: SplitResult) -> str:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = database_in(given, parts.path.strip("/"))
    need_known(given, TLS)
    query = "?" + urlencode(given, quote_via=quote, safe="/") if given else ""
    return f"{parts.scheme}://{parts.netloc}/{database}{query}"


def _of_socket(parts: SplitResult) -> str:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = database_in(given, "")
    need_known(given, frozenset())
    if not parts.path.strip("/") or parts.hostname:
        raise ValueError(
            "is not the URL of a Redis: a socket has three slashes and its path, as in"
            " unix:///run/redis/redis.sock?db=0"
        )
    return f"unix://{parts.netloc}{parts.path}?db={database}"


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
