"""The sentences on cancellations that wait for others, for translation.

See ``entry_sentences``.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

PLANS = (
    N_("after must name at most %(most)s cancellations"),
    N_(
        "after must list texts: a record's id, provider/account/key, or the"
        " ref of an earlier entry"
    ),
    N_("only_if needs after: it says how the ones named there must end"),
    N_("only_if must be a text or a list of texts, such as cancelled"),
    N_("only_if %(why_said)s"),
    N_("must name at least one end, such as cancelled"),
    N_(
        "must be any, a final state (%(known)s), or such a state with a "
        "reason behind a slash"
    ),
    N_("names no reason of %(state)s: they are %(known)s"),
    N_("the entry with the ref %(ref)s was refused"),
    N_(
        "there is no cancellation %(name)s to wait for; after names a "
        "record's id, provider/account/key, or the ref of an earlier entry"
    ),
    N_("a predecessor is not in the ledger any more"),
    N_("a predecessor is %(state_word)s (%(reason)s), not %(condition)s"),
    N_("waits for %(id)s"),
    N_("%(id)s may have cancelled it"),
    N_("at most %(most)s cancellations wait in a chain"),
    N_("at most %(most)s cancellations wait for one"),
    N_(
        "%(id)s is not wanted: %(why)s; retry the predecessor, or release this"
        " one, which sends it all the same"
    ),
    N_("%(id)s cannot be retried while a predecessor is %(state_word)s"),
    N_(
        "%(id)s cannot be retried now: %(other)s was released because "
        "%(same)s is %(state_word)s, and is %(its_word)s; wait for its end,"
        " or withdraw it"
    ),
    N_(
        "%(id)s cannot be released: it is %(state_word)s, and does not wait"
        " for other cancellations"
    ),
    N_(
        "%(id)s cannot be skipped: it is %(state_word)s, and does not wait "
        "for other cancellations"
    ),
    N_("%(field)s is required: the plan needs it"),
    N_("%(field)s is required: the step %(step)s needs it"),
    N_("the input has the names of no step: all steps would be left out"),
    N_(
        "the plan %(name)s was submitted before with the key %(key)s, and differs from"
        " this one in the %(steps)s: use another key"
    ),
    N_("names the same cancellation as the step %(step)s: give one of them a key"),
    N_("the plan takes no %(name)s from its input"),
    N_("the plan takes no %(name)s from its input: did you mean %(near)s?"),
    N_("the plan takes no %(name)s from its input: its names are: %(known)s"),
    N_("the plan %(name)s cannot be used now: `rescind plan check` says why"),
    N_("there is no plan %(name)s"),
    N_("there is no plan %(name)s: did you mean %(near)s?"),
    N_("there is no plan %(name)s; there are: %(known)s"),
    N_("there is no plan %(name)s: there is no plans file"),
    N_(
        "there is no plan %(name)s, and the plans file cannot be read now;"
        " there are: %(known)s"
    ),
    N_("plan must be the name of a plan"),
    N_("the plan's %(what_said)s"),
    N_("others change the same plan all the time"),
)
