"""What is known of Akinon's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider.api_facts import Fact, assumed, documented, seen

READ = date(2026, 11, 20)
AGAIN = date(2026, 11, 29)

FACTS: tuple[Fact, ...] = (
    documented(
        "A 200 carries the order's detail; refusals are 400 to 499",
        "page Order Cancellation",
        READ,
    ),
    documented(
        "An order's status 50 is 'cancellation waiting', and 100 is 'canceled'",
        "page Get Order",
        READ,
    ),
    documented(
        "An order cannot be cancelled in part and returned in part",
        "page Order Cancellation",
        READ,
    ),
    seen(
        "Bad credentials are a 400 at the login, an expired token is a 401",
        "omnisdk, Akinon's own client",
        AGAIN,
    ),
    seen(
        "Three logins in six minutes are not too many",
        "channel_app, Akinon's own program",
        AGAIN,
    ),
    assumed(
        "An accepted cancel is final at 100 and not before; 550 is 'delivered'; at 520"
        " and later it is too late to cancel",
        "page Get Order: it names the statuses, and not what can be cancelled",
        READ,
        "From which order statuses can a cancel work, and does every accepted cancel"
        " end at 100?",
    ),
    assumed(
        "An order's detail lists items as `orderitem_set`, `order_items` or `items`,"
        " each with `pk` or `id` and a `status` that is a number, text or an object"
        " with `value` or `code`. If it does not, a partial cancel stays unknown, and"
        " is never called cancelled",
        "no page shows the detail's items",
        READ,
        "In which field does an order's detail list its items, and how does it show"
        " each item's id and status?",
    ),
    assumed(
        "A token without an expiry is kept for 24 h; an expired one answers 401",
        "omnisdk logs in once more after a 401",
        AGAIN,
        "How long does a token of auth/login last?",
    ),
    assumed(
        "A refusal may be about a cancellation in progress, so the order is read first",
        "a sibling API refuses with 'Order cancellation already in progress.'",
        READ,
        "What does a cancel answer while an earlier one of the same order is in"
        " progress?",
    ),
    assumed(
        "A shop that declines a waiting cancellation sets the order's old status back",
        "no page describes it",
        AGAIN,
        "What becomes of an order's status when a shop declines a cancellation that is"
        " waiting (50)?",
    ),
    assumed(
        "5 calls a second are not too many for a shop's host",
        "no page gives a limit",
        READ,
        "How many calls a second may an integration make to one shop?",
    ),
)
