"""Providers that list their orders page by page, and cannot read a single one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import A, Provider
from rescind.provider.outcomes import Order


class ReadsByList(Provider[A]):
    """A provider whose orders are found in a list.

    ``build_read`` asks for the first page, and ``parse_read`` gives a finding to each
    order that is on a page, and none to the others. ``orders`` are all that are sought:
    set ``policy.read_batch`` high, so that one walk serves many of them.
    """

    most_pages: ClassVar[int] = 20
    """Pages of one walk. It also ends when its lease or the lane's rate does."""

    @abstractmethod
    def next_page(
        self, account: A, token: str | None, orders: Sequence[Order], reply: Reply
    ) -> Request | None:
        """The call for the page after ``reply``, at the account's own address; ``None``
        if ``reply`` is the last page. May raise ``UnreadableReplyError``."""

    def is_whole(self, reply: Reply) -> bool:
        """Whether the pages from the first to this last one show every order that the
        account ever had, also if orders change meanwhile. Only then is an order that is
        on none of them ``GONE``; else it stays unknown."""
        del reply
        return False
