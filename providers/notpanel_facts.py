"""What is known of notpanel's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider.api_facts import Fact, assumed, documented, seen

READ = date(2026, 11, 20)
AGAIN = date(2026, 11, 29)

FACTS: tuple[Fact, ...] = (
    documented(
        "Success means that the cancel is done, or only queued; the status shows which",
        "page action=cancel",
        READ,
    ),
    documented(
        "One cancel or status call takes up to 100 orders, and counts as one call",
        "pages action=cancel and Rate limits",
        READ,
    ),
    documented(
        "A key may make about 100 calls a minute, and an IP address 300; a 429 says"
        " until when, in X-RateLimit-Reset",
        "page Rate limits",
        READ,
    ),
    documented(
        "400 'cannot be cancelled (already …)' is about orders that are completed,"
        " cancelled or refunded",
        "page action=cancel",
        READ,
    ),
    seen(
        "A status Error or Fail is an order that ended by itself",
        "clients of such panels",
        AGAIN,
    ),
    assumed(
        "All status words but `in_progress`, and that 'failed' is an end",
        "the words are usual for such panels",
        READ,
        "Which words can the status of an order be, and which of them are final?",
    ),
    assumed(
        "The answer to a wrong key: a text that names the key",
        "such panels answer so",
        READ,
        "Which HTTP status and error does a call with a wrong key get?",
    ),
    assumed(
        "One error for a whole batch means that no order of it was acted on",
        "page action=cancel: each row has its own error",
        READ,
        "Can a cancel of many orders answer one error for all, and was none of them"
        " cancelled then?",
    ),
    assumed(
        "Asking again for a cancel that is queued does no harm",
        "no page names an idempotency key",
        READ,
        "What does a second cancel do while the first is queued upstream?",
    ),
    assumed(
        "A queued cancel that the status does not show after one day was dropped",
        "no page says how long an upstream may take",
        AGAIN,
        "How long can a queued cancel take at most, and does the status show that it"
        " is queued?",
    ),
)
