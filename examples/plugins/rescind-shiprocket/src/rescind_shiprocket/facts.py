"""What is known of Shiprocket's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider import Fact, assumed, documented, seen

READ = date(2026, 11, 30)

FACTS: tuple[Fact, ...] = (
    documented(
        "Orders are cancelled by ids, with an empty 204",
        "apidocs.shiprocket.in, Cancel an Order",
        READ,
    ),
    documented(
        "Up to 2,000 AWBs are cancelled before Out for Pickup; the answer says that the"
        " cancellation is in progress",
        "apidocs.shiprocket.in, Cancel a Shipment",
        READ,
    ),
    documented(
        "One id that does not exist fails a cancel of orders with a 500",
        "apidocs.shiprocket.in, Cancel an Order, Invalid Data",
        READ,
    ),
    documented(
        "Orders and shipments have status codes of their own",
        "apidocs.shiprocket.in, Orders and Tracking",
        READ,
    ),
    documented(
        "Up to 50 AWBs are tracked at once; those without activities have no entry",
        "apidocs.shiprocket.in, Get Tracking Data for Multiple AWBS",
        READ,
    ),
    documented(
        "An order that does not exist is a 400, Order ID not found",
        "apidocs.shiprocket.in, Get Specific Order Details",
        READ,
    ),
    documented(
        "A login gives a JWT that is valid for 10 days; a wrong one is a 401",
        "apidocs.shiprocket.in, Authentication API and Errors",
        READ,
    ),
    seen(
        "The login's answer has the JWT as token; clients renew it after 9 days",
        "clients in Go, PHP and JavaScript",
        READ,
    ),
    seen(
        "AWBs are also answered with 'Shipment(s) cancellation is in progress'",
        "a client in PHP",
        READ,
    ),
    assumed(
        "A cancel of several orders that fails may have cancelled some of them",
        "apidocs.shiprocket.in, Cancel an Order: a 500 without rows",
        READ,
        "Does a cancel with one wrong id cancel the other orders?",
    ),
    assumed(
        "An error of a cancel for one order means that this call did nothing",
        "no page shows a refusal",
        READ,
        "What does a cancel answer for an order that cannot be cancelled any more?",
    ),
    assumed(
        "A cancel of AWBs that does not show within an hour was dropped",
        "apidocs.shiprocket.in: please wait for some time",
        READ,
        "How long may a cancellation be in progress, and how is one shown that failed?",
    ),
    assumed(
        "Ten minutes are enough for a reading to show a cancel that worked",
        "no page says how old a reading may be",
        READ,
        "How long after a cancel can tracking and the order show the former status?",
    ),
    assumed(
        "A shipment that is out for pickup may still be cancelled by an earlier call",
        "apidocs.shiprocket.in: cancel before the Out for Pickup state",
        READ,
        "Can a cancellation that is in progress still end after Out For Pickup?",
    ),
    assumed(
        "A cancel by AWB leaves the order open",
        "the two calls are documented apart",
        READ,
        "What becomes of an order when its AWB is cancelled, and is the AWB tracked"
        " afterwards?",
    ),
    assumed(
        "5 calls a second are within the limits",
        "apidocs.shiprocket.in names a 429 and no number",
        READ,
        "How many calls a second may an API user make?",
    ),
    assumed(
        "No webhook tells of a cancel",
        "apidocs.shiprocket.in: the one webhook is sent for a new scan of a shipment",
        READ,
        "Is a webhook sent when a shipment or an order is cancelled, and may its"
        " address contain the word shiprocket?",
    ),
)
