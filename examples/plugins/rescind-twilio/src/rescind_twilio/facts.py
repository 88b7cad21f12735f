"""What is known of Twilio's API, with certainty, source and date."""

from __future__ import annotations

from datetime import date

from rescind.provider import Fact, assumed, documented, seen

READ = date(2026, 11, 30)

FACTS: tuple[Fact, ...] = (
    documented(
        "Only a message that is scheduled can be canceled, by an update to canceled",
        "page 30409: This message cannot be canceled, and page Messages resource",
        READ,
    ),
    documented(
        "20404 means no such resource, a deleted one, or a wrong address",
        "page 20404: Not Found",
        READ,
    ),
    documented(
        "20003, 20403, 70051 and 10001 are about the account or its key",
        "the pages of these errors",
        READ,
    ),
    documented(
        "A call that got a 429 was never processed; calls at once are limited",
        "page 20429: Too many requests",
        READ,
    ),
    documented(
        "Credentials are HTTP Basic: an API key and its secret, or the account SID and"
        " its auth token",
        "page Twilio API requests",
        READ,
    ),
    documented(
        "A message is scheduled from 5 minutes to 35 days ahead",
        "page 35115: Scheduling does not support this timestamp",
        READ,
    ),
    documented(
        "Callbacks are signed by the primary auth token: HMAC-SHA1 of the address and"
        " the sorted fields, in base64",
        "page Secure webhooks, and page 57012: Signature invalid",
        READ,
    ),
    documented(
        "A status callback is sent for changes of the status, and not for the first"
        " one",
        "page Outbound Message Status in Status Callbacks",
        READ,
    ),
    seen(
        "The address is signed with or without its port",
        "twilio-python, twilio/request_validator.py",
        READ,
    ),
    assumed(
        "A callback may also tell that a message was canceled",
        "the page of status callbacks does not name the status",
        READ,
        "Is a status callback sent when a scheduled message is canceled?",
    ),
    seen(
        "An update answers 200 with the whole message",
        "twilio-python, tests/integration/api/v2010/account/test_message.py",
        READ,
    ),
    seen(
        "A message has one of thirteen status values",
        "the OpenAPI file of Twilio, as models of clients in Rust",
        READ,
    ),
    assumed(
        "A 2xx to a cancel that shows another status than canceled proves nothing",
        "no page shows one",
        READ,
        "May a 2xx to Status=canceled show a message that is not canceled yet?",
    ),
    assumed(
        "30409 is also the answer to a second cancel of a canceled message",
        "page 30409: the message is no longer scheduled",
        READ,
        "What does a second cancel of a canceled message answer, with which HTTP"
        " status?",
    ),
    assumed(
        "A minute is enough for a reading to show a cancel that worked",
        "no page says that readings lag",
        READ,
        "How long after a cancel can a GET of the message still show scheduled?",
    ),
    assumed(
        "5 calls a second, 4 at once, are within the limits",
        "page 20429 names no number",
        READ,
        "How many calls at once may an account make?",
    ),
)
