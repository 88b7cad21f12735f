"""What each way of ending asks of a person: one for each state and reason."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

OUTCOMES = Group(
    "How a cancellation ends",
    "The closed vocabulary of `state` and `reason`. The provider's own code and words"
    " stand beside them, untouched: `rescind show ID`.",
    (
        Problem(
            "cancelled-confirmed",
            "cancelled, confirmed",
            "The provider says that it cancelled the order, upon our call.",
            "Nothing.",
        ),
        Problem(
            "cancelled-already-cancelled",
            "cancelled, already_cancelled",
            "The order was cancelled when we came: by the customer, by hand, or by"
            " another system.",
            "Nothing. If it should not have been, ask who else cancels.",
        ),
        Problem(
            "cancelled-partial",
            "cancelled, partial",
            "The provider cancelled what was left of the order; part of it had been"
            " delivered. `provider_message` says how much.",
            "Settle the delivered part with the customer.",
        ),
        Problem(
            "cancelled-inferred",
            "cancelled, inferred",
            "The answer to our call was lost. Reading back shows that the order is"
            " cancelled or gone, so that the call must have worked.",
            "Nothing. Where money depends on it, look once at the provider's panel.",
        ),
        Problem(
            "rejected-not-found",
            "rejected, not_found",
            "The provider knows no such order in this account. Nothing was cancelled.",
            "Is it the order's id as the provider gives it (not your own number), and"
            " the right account? Correct it, and submit it again.",
        ),
        Problem(
            "rejected-window-closed",
            "rejected, window_closed",
            "The provider allows no cancel any more: it is too close to being carried"
            " out. The order goes on.",
            "Tell the customer, or go the provider's way for returns. A retry makes"
            " sense only if the provider opens it again.",
        ),
        Problem(
            "rejected-already-completed",
            "rejected, already_completed",
            "The order had been carried out when we came: sent, delivered, picked up.",
            "Tell the customer; nothing can be called off any more.",
        ),
        Problem(
            "rejected-not-supported",
            "rejected, not_supported",
            "The provider cannot cancel an order of this kind.",
            "Call it off by other means, if the provider has any.",
        ),
        Problem(
            "rejected-invalid-request",
            "rejected, invalid_request",
            "The entry was wrong, and was never sent; `provider_message` says what.",
            "Correct what submits it, and submit it again. It cannot be retried.",
        ),
        Problem(
            "rejected-refused",
            "rejected, refused",
            "The provider refused, for a reason of its own, in its own words.",
            "Read `provider_message`. If what it minds is put right: `rescind retry"
            " ID`.",
        ),
        Problem(
            "expired-deadline-passed",
            "expired, deadline_passed",
            "`cancel_before` came first. Nothing that was sent took effect: the order"
            " was not cancelled by us.",
            "If it still matters: `rescind retry ID --cancel-before +1h`. If it"
            " happens often, see in `rescind lanes` what is slow, or submit earlier.",
        ),
        Problem(
            "failed-attempts-exhausted",
            "failed, attempts_exhausted",
            "It was tried as often, or for as long, as the account's policy allows,"
            " and it is known that none of it took effect.",
            "Find out why (`rescind show ID`, `rescind lanes`), mend it, then `rescind"
            " retry ID`.",
        ),
        Problem(
            "failed-never-sent",
            "failed, never_sent",
            "For as long as the account's policy allows, no call for it could be sent:"
            " the provider has never heard of it.",
            "See why in its history (`rescind show ID`) and in `rescind lanes`: a"
            " provider that is down, or a lane that is held. Mend it, then `rescind"
            " retry ID`.",
        ),
        Problem(
            "failed-unresolved",
            "failed, unresolved",
            "A call may have worked, and the provider could not be brought to say. The"
            " order may or may not be cancelled.",
            "Look at the order in the provider's own panel. Cancel it there, or"
            " `rescind retry ID`, which reads back first and sends nothing while the"
            " first call may have worked.",
        ),
    ),
)
