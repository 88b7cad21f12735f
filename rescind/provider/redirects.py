"""Decides which redirects prove that the provider did not act."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from rescind.provider.http_messages import Reply

REDIRECTS = frozenset({301, 302, 307, 308})
"""Statuses that hold the lane: the address in use answers with another address."""
KEEP_THE_REQUEST = frozenset({301, 307, 308})
"""Statuses that ask for the same request elsewhere. A 302 or 303 may follow a form that
was acted on (post/redirect/get)."""


def only_upgrades(url: str, reply: Reply) -> bool:
    """Whether ``reply`` redirects plain http ``url`` to https and changes nothing else.
    Such a redirect comes from before the provider, so the provider did not act."""
    location = reply.headers.get("location", "")
    if reply.status not in KEEP_THE_REQUEST:
        return False
    try:
        asked, target = urlsplit(url), urlsplit(urljoin(url, location))
        same_host = asked.hostname == target.hostname and "@" not in target.netloc
    except ValueError:
        return False
    same_place = (asked.path, asked.query) == (target.path, target.query)
    upgraded = (asked.scheme, target.scheme) == ("http", "https")
    return upgraded and same_host and same_place
