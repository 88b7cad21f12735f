"""What is known of iThink's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider.api_facts import Fact, assumed, documented, seen

READ = date(2026, 11, 20)
AGAIN = date(2026, 11, 29)

FACTS: tuple[Fact, ...] = (
    documented(
        "A cancel takes up to 100 AWBs, and tracking up to 10",
        "pages Cancel Order V 3.0.0 and Track Order V 3.0.0",
        READ,
    ),
    documented(
        "A shipment can be cancelled until it is picked up",
        "page Cancel Order V 3.0.0, and clients",
        READ,
    ),
    seen(
        "Errors come as HTTP 200 with status error",
        "clients of iThink in several shops",
        READ,
    ),
    seen(
        "cancel_status 'Approved' in tracking is the surest sign of a cancel",
        "a client in production",
        AGAIN,
    ),
    seen("Tracking may lag behind a cancel that worked", "clients of iThink", READ),
    assumed(
        "Rows are in the order of the request, if their number and keys fit",
        "page Cancel Order V 3.0.0: its rows name no AWB",
        READ,
        "Are the rows of a cancel always in the order of awb_numbers, and can each row"
        " name its AWB?",
    ),
    assumed(
        "A top-level error without rows means that no AWB was acted on, unless its"
        " words are those of a breakdown ('went wrong', 'try again', 'timed out' …)",
        "page Cancel Order V 3.0.0 shows no error",
        READ,
        "If one AWB of a cancel is invalid, are the others cancelled, and how does the"
        " answer say so?",
    ),
    assumed(
        "The words of remarks and errors: none is documented",
        "clients show some of them",
        READ,
        "Which remarks and messages can a cancel answer, and what does each mean?",
    ),
    assumed(
        "Ten minutes are enough for tracking to show a cancel that worked",
        "a client says that tracking lags, and not for how long",
        READ,
        "How long after a cancel can tracking still show the former status?",
    ),
    assumed(
        "The effect of a second cancel of one AWB is unknown, so none is sent blindly",
        "one client says that it does nothing",
        READ,
        "What does a second cancel of an AWB that is already cancelled answer?",
    ),
)
