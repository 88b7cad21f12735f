"""What a person does about each outcome: one entry for each state and reason."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

OUTCOMES = Group(
    "How a cancellation ends",
    "All values of `state` and `reason`. `rescind show ID` also shows the provider's"
    " own code and words, unchanged.",
    (
        Problem(
            "cancelled-confirmed",
            "cancelled, confirmed",
            "The provider says that it cancelled the order, in answer to our call.",
            "Nothing.",
        ),
        Problem(
            "cancelled-already-cancelled",
            "cancelled, already_cancelled",
            "The order had been cancelled before our call: by the customer, by hand, or"
            " by another system.",
            "Nothing. If it should not have been cancelled, find out who else cancels"
            " orders.",
        ),
        Problem(
            "cancelled-partial",
            "cancelled, partial",
            "The provider cancelled the rest of the order; part of it had been"
            " delivered. `provider_message` says how much.",
            "Settle the delivered part with the customer.",
        ),
        Problem(
            "cancelled-inferred",
            "cancelled, inferred",
            "A call of ours may have worked: its answer was lost, or the ledger was"
            " restored from an older copy that does not show the call. The provider"
            " then said that the order is cancelled, or that there is no such order."
            " Rescind sends nothing more for it. Nobody can tell for sure whether our"
            " call cancelled it.",
            "Nothing. If money depends on it, check the order in the provider's panel.",
        ),
        Problem(
            "rejected-not-found",
            "rejected, not_found",
            "The provider knows no such order in this account. Nothing was cancelled.",
            "Check that it is the provider's id of the order (not your own number), and"
            " the right account. Correct it, and submit it again.",
        ),
        Problem(
            "rejected-window-closed",
            "rejected, window_closed",
            "The provider no longer allows a cancellation, because the order will be"
            " fulfilled soon. The order goes on.",
            "Tell the customer, or use the provider's process for returns. A retry"
            " makes sense only if the provider allows cancellation again.",
        ),
        Problem(
            "rejected-already-completed",
            "rejected, already_completed",
            "The order had been fulfilled before our call: sent, delivered, picked up.",
            "Tell the customer. The order can no longer be cancelled.",
        ),
        Problem(
            "rejected-not-supported",
            "rejected, not_supported",
            "The provider cannot cancel an order of this kind.",
            "Cancel it by other means, if the provider has any.",
        ),
        Problem(
            "rejected-invalid-request",
            "rejected, invalid_request",
            "The entry was invalid, and was never sent. `provider_message` names the"
            " fault.",
            "Correct the program or file that submits it, and submit it again. It"
            " cannot be retried.",
        ),
        Problem(
            "rejected-refused",
            "rejected, refused",
            "The provider refused, for a reason of its own.",
            "Read `provider_message`, which quotes the provider. If the reason can be"
            " removed: remove it, then `rescind retry ID`.",
        ),
        Problem(
            "expired-deadline-passed",
            "expired, deadline_passed",
            "`cancel_before` passed before the order was cancelled. No call took"
            " effect: Rescind did not cancel the order.",
            "If it still matters: `rescind retry ID --cancel-before +1h`. If this"
            " happens often, check in `rescind lanes` which lane is slow, or submit"
            " earlier.",
        ),
        Problem(
            "failed-attempts-exhausted",
            "failed, attempts_exhausted",
            "Rescind tried as often, or for as long, as the account's policy allows. It"
            " is known that no call took effect.",
            "Find the cause (`rescind show ID`, `rescind lanes`), correct it, then"
            " `rescind retry ID`.",
        ),
        Problem(
            "failed-never-sent",
            "failed, never_sent",
            "No call for this order could be sent for as long as the account's policy"
            " allows. The provider has received no request for it.",
            "Find the cause in its history (`rescind show ID`) and in `rescind lanes`:"
            " a provider that is down, or a lane that is held. Correct it, then"
            " `rescind retry ID`.",
        ),
        Problem(
            "failed-unresolved",
            "failed, unresolved",
            "A call may have worked, and Rescind could not find out from the provider."
            " The order may or may not be cancelled.",
            "Look at the order in the provider's own panel. Cancel it there, or use"
            " `rescind retry ID`. A retry reads the order at the provider first, and"
            " sends nothing while the first call may have worked.",
        ),
        Problem(
            "withdrawn-requested",
            "withdrawn, requested",
            "Its producer or an operator took it back before anything was sent. The"
            " provider has received no cancel of it.",
            "Nothing. If the order must be cancelled after all: `rescind retry ID`."
            " Submitting it again with the same key changes nothing.",
        ),
        Problem(
            "withdrawn-not-wanted",
            "withdrawn, not_wanted",
            "It was to be sent only after others (`after`), and only if they ended in"
            " the way that `only_if` names. One of them ended otherwise, or an operator"
            " skipped it. The provider has received no cancel of it.",
            "Its history (`rescind show ID`) names the one that ended otherwise. If"
            " that one is retried and then ends as wanted, this one is sent. To send it"
            " all the same: `rescind release ID`. See [plans.md](plans.md).",
        ),
    ),
)
