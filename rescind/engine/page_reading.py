"""Reads orders from a provider's list: page by page, until all are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from rescind.provider.account import Account
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.guarded import parsed
from rescind.provider.http_messages import Reply, Request
from rescind.provider.list_reading import ReadsByList
from rescind.provider.outcomes import Finding, Findings, Order, Outcome, Parsed

log = structlog.get_logger("rescind.calls")
GONE = Finding(Outcome.GONE)
Ask = Callable[[Request, Callable[[Reply], Parsed]], Exchange]


@dataclass(slots=True)
class PageWalk:
    """One walk through the pages, for the orders that are sought."""

    provider: ReadsByList[Any]
    account: Account
    token: str | None
    orders: Sequence[Order]
    ask: Ask
    """Makes one call, and reads its reply."""
    may_go_on: Callable[[], bool]
    """Whether there is time and room for a further call, which it takes."""
    _last: Reply | None = None

    def read(self, first: Request) -> Exchange:
        """What all pages say together, as one reading from when the walk began.

        If a page cannot be had, what the pages before it say still counts.
        """
        found: dict[str, Finding] = {}
        whole = result = self.ask(first, self._parse)
        for left in reversed(range(self.provider.most_pages)):
            answered = result.evidence is Evidence.ANSWERED
            if not (answered and isinstance(result.parsed, Findings)):
                return whole if found else result
            found = {**result.parsed.by_order, **found}
            whole = replace(whole, parsed=Findings(found))
            following = self._following(found)
            if following is None or not left or not self.may_go_on():
                break
            result = self.ask(following, self._parse)
            whole = replace(whole, took=whole.took + result.took)
        return whole

    def _parse(self, reply: Reply) -> Parsed:
        self._last = reply
        return parsed(self.provider, "read", self.orders, reply)

    def _following(self, found: dict[str, Finding]) -> Request | None:
        """The call for the next page. Adds to ``found`` what the last page proves."""
        missing = [one.id for one in self.orders if one.id not in found]
        if not missing or self._last is None:
            return None
        known = (self.account, self.token, self.orders, self._last)
        try:
            request = self.provider.next_page(*known)
            if request is None and self.provider.is_whole(self._last):
                found |= dict.fromkeys(missing, GONE)
            return request if request and self._is_ours(request) else None
        except Exception as error:  # noqa: BLE001  (what was found must not be lost)
            why = type(error).__name__
            log.warning("no next page", provider=self.provider.name, why=why)
            return None

    def _is_ours(self, request: Request) -> bool:
        # A page names the next one: the credentials must not follow it elsewhere.
        there, here = urlsplit(request.url), urlsplit(self.account.base_url)
        ours = there[:2] == here[:2]
        if not ours:
            log.error("a next page elsewhere", provider=self.provider.name)
        return ours
