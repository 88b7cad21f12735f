"""What is known of Dükkango's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider.api_facts import Fact, assumed, documented

READ = date(2026, 11, 20)
AGAIN = date(2026, 11, 29)

FACTS: tuple[Fact, ...] = (
    documented(
        "A cancel worked if HTTP is 200 and status is true", "page orders/cancel", READ
    ),
    documented(
        "reason_id is required, from 1 to 8; a cancel works from the statuses 1, 2 and"
        " 16",
        "page orders/cancel",
        READ,
    ),
    documented(
        "A login's token lasts 24 hours, one for each restaurant",
        "page auth/login",
        READ,
    ),
    documented(
        "Two calls of get-current must be 30 seconds apart",
        "page orders/get-current",
        READ,
    ),
    documented(
        "403 'URL hatalı' means that the id is invalid or another restaurant's",
        "page orders/cancel",
        READ,
    ),
    assumed(
        "Cancelling twice is harmless. If it is not, `repeatable` is the one value to"
        " change",
        "no page says what a second cancel does",
        READ,
        "What does a second PUT orders/cancel for an order that is already cancelled"
        " answer, and does it change anything?",
    ),
    assumed(
        "The refusal of an order cancelled or completed before names that state in its"
        " words",
        "page orders/cancel: the errors that it lists are of other kinds",
        READ,
        "Which status, error and message does a cancel get for an order that is already"
        " cancelled, and for one that is delivered?",
    ),
    assumed(
        "`expiration_date`, which has no offset, is Turkish time (UTC+3). If it is"
        " absent or in the past, it is ignored, and 24 h are assumed",
        "page auth/login: its sample has no offset",
        READ,
        "In which time zone is the login's expiration_date?",
    ),
    assumed(
        "An order that has left the list may have ended in any way",
        "page orders/get-current: it lists active orders",
        READ,
        "Is there a call that shows one order, with its status, after it has left"
        " get-current?",
    ),
    assumed(
        "A call whose answer was lost has no effect any more 30 seconds later",
        "no page says how long a call may take",
        AGAIN,
        "If our connection is lost during a cancel, until when may it still take"
        " effect?",
    ),
)
