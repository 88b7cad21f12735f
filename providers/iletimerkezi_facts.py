"""What is known of iletiMerkezi's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider.api_facts import Fact, assumed, documented, seen

READ = date(2026, 11, 20)
AGAIN = date(2026, 11, 29)

FACTS: tuple[Fact, ...] = (
    documented(
        "A cancel worked if HTTP is 2xx and response.status.code is 200 or absent",
        "page cancel-order, last updated 2026-04-30",
        READ,
    ),
    documented(
        "455 means: no such order, sending has begun, or finished; a second cancel of a"
        " cancelled order answers 455 too",
        "page cancel-order",
        READ,
    ),
    documented(
        "After a cancel, get-report shows order status 115 or answers 455",
        "page cancel-order",
        READ,
    ),
    documented(
        "401 is about key, hash, the panel's API switch or its IP list, and 404 means"
        " that there is no such method",
        "page error-codes",
        READ,
    ),
    documented("503 is the one transient code", "page error-codes", READ),
    seen(
        "Order status 115 is called CANCELED",
        "the provider's own clients for PHP and Python",
        AGAIN,
    ),
    assumed(
        "456 from the report means that nothing has cancelled the order and that it can"
        " still be cancelled",
        "page get-report: 456 is 'send date not reached'",
        READ,
        "Does get-report answer 456 only while an order is scheduled and can still be"
        " cancelled?",
    ),
    assumed(
        "A status in a report that names no order belongs to the order that was asked"
        " for",
        "page get-report: its sample names the order",
        READ,
        "Does every get-report answer with an order's status name that order's id?",
    ),
    assumed(
        "20 calls a second are not too many",
        "no page gives a limit for cancel-order or get-report",
        READ,
        "How many calls a second may one account make to cancel-order and get-report?",
    ),
    assumed(
        "A call that timed out has no effect any more 60 seconds later",
        "no page says how long a call may take",
        READ,
        "If our connection is lost during cancel-order, until when may the cancel still"
        " take effect?",
    ),
)
