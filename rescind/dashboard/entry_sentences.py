"""The sentences of intake, of the ledger and of operations, for translation.

Those packages write them in English, and the ledger keeps some of them. A placeholder
whose name ends with ``_said`` holds another sentence of this list, one that ends with
``_word`` holds a word of a closed vocabulary.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

INTAKE = (
    N_("%(field)s is required"),
    N_("a cancellation must be an object with named fields"),
    N_("the message lacks the argument cancellations, a list of at most %(most)s"),
    N_(
        "the message lacks the argument cancellations, a list of at most %(most)s;"
        " these arguments are not known: %(names)s"
    ),
    N_("the message's argument cancellations must be a list of at most %(most)s"),
    N_("the message has cancellations and a plan: it must have only one of them"),
    N_("%(names)s: no such field; the fields are %(known)s"),
    N_("provider must be one of %(known)s: did you mean %(near)s?"),
    N_("provider must be one of %(known)s"),
    N_("account must be %(form_said)s"),
    N_("1 to 64 letters (a to z, A to Z), digits, dots, dashes or underscores"),
    # What earlier versions have written.
    N_("1 to 64 letters, digits, dots, dashes or underscores"),
    N_(
        "account %(account)s of %(provider)s is not in the accounts file "
        "(it has: %(known)s)"
    ),
    N_(
        "order must be %(form_said)s; %(order)s is a long number that a "
        "spreadsheet has rounded: take the orders from their source again, "
        "format their column as Text before you paste or import them, and "
        "export it as text"
    ),
    N_("order must be %(form_said)s"),
    N_("%(field)s must be a text"),
    N_("%(field)s must be 1 to %(most)s printable characters"),
    N_("key must not begin with refused: or token:, which are reserved"),
    N_("%(field)s must be an object with named values"),
    N_("%(field)s must not be nested more than %(most)s deep"),
    N_("%(field)s must be plain JSON"),
    N_("%(field)s must be at most %(most)s bytes"),
    N_("%(field)s holds a character that cannot be kept"),
    N_("cancel_before must be later than not_before"),
    N_(
        "not_before must be earlier than %(until)s: the provider cancels this order"
        " only until then"
    ),
    N_("cancel_before had passed when it arrived"),
    N_("the message's expires had passed when it was taken in"),
    N_(
        "%(field)s must be ISO 8601 with an offset, such as "
        "2026-11-20T18:00:00+03:00, or relative: +15m"
    ),
    N_(
        "%(field)s has no offset from UTC: it must be ISO 8601 with an "
        "offset, such as 2026-11-20T18:00:00+03:00, or relative: +15m"
    ),
    N_(
        "%(field)s is the number by which a spreadsheet keeps a date: "
        "format its column as Text, and write it as ISO 8601 with an "
        "offset, such as 2026-11-20T18:00:00+03:00, or relative: +15m"
    ),
    N_(
        "%(field)s does not show whether the day or the month comes first: write it as"
        " ISO 8601 with an offset, such as 2026-11-20T18:00:00+03:00, or relative: +15m"
    ),
    N_(
        "%(field)s names a day or a time that does not exist: write it as ISO 8601 with"
        " an offset, such as 2026-11-20T18:00:00+03:00, or relative: +15m"
    ),
    N_(
        "%(field)s names a day or a time that does not exist: write it as"
        " 2026-11-20 18:00 or 20.11.2026 18:00"
    ),
    N_("%(field)s must lie in the years %(first)s to %(last)s"),
    N_("%(what_said)s is outside the limits of the token, which are %(limits)s"),
    N_("this provider or account"),
    N_("this group"),
    N_("this whole group"),
    N_("a cancellation without a group"),
    N_("this plan"),
    N_("key %(key)s of %(lane)s stands for order %(order)s already: use another key"),
    N_("key %(key)s of %(lane)s stands for another order already: use another key"),
    N_(
        "key %(key)s of %(lane)s was submitted with other params (%(id)s): "
        "use another key"
    ),
    N_("key %(key)s of %(lane)s was submitted with other params: use another key"),
    N_(
        "it was submitted before and then withdrawn, so nothing is sent; "
        "`rescind retry` opens a new round"
    ),
    N_("it was submitted before with another %(fields)s: nothing was changed"),
)
"""What is wrong with an entry, or to be said of it."""
PARAMS = (
    N_("params: %(what_said)s"),
    N_("%(param)s is not known here"),
    N_("%(field)s must be at most %(most)s"),
    N_("%(field)s must be at least %(least)s"),
    N_("%(field)s must be a whole number"),
    N_("%(field)s must be true or false"),
    N_("%(field)s must be a list"),
    N_("%(field)s: must name order items by their ids, which are whole numbers"),
    N_("%(field)s: names an order item twice"),
    N_("%(field)s: must map each order item's id to its value"),
    N_('%(field)s: must be an amount as text, such as "12.50", or null'),
    N_("is_all must be true, or cancel_items name some items"),
    N_("reasons must name the items of cancel_items, no others"),
    N_("callback_url %(why_said)s"),
    N_("on_group_end %(why_said)s"),
    N_("on_group_end needs a group"),
    N_(
        "must be an http or https address of at most %(most)s characters, "
        "all of them ASCII, without a user, a password or a fragment"
    ),
    N_(
        "is not accepted: no host is allowed; list the allowed hosts in "
        "RESCIND_WEBHOOK_HOSTS"
    ),
    N_("is not accepted: set RESCIND_WEBHOOK_SECRET to sign webhooks"),
    N_("must begin with https://: only RESCIND_WEBHOOK_PRIVATE allows http"),
    N_("is at %(host)s, which RESCIND_WEBHOOK_HOSTS does not list"),
    N_("is at %(host)s, for which RESCIND_WEBHOOK_SECRET has no secret"),
    N_("callback_queue needs a callback_task"),
    N_(
        "callback_task is not accepted here: only producers that submit "
        "through the broker may use it; give a callback_url"
    ),
    N_(
        "callback_task must be the name of a task of yours, such as "
        "shop.cancellation_ended"
    ),
    N_("callback_task must be a task of yours, not one of Rescind's or Celery's own"),
    N_("callback_queue must be 1 to 100 letters, digits, dots, dashes or underscores"),
    N_("callback_queue must be a queue of yours, not one of Rescind's or Celery's own"),
)
"""What is wrong with params and callbacks."""
