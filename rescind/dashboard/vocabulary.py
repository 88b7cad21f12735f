"""The closed vocabularies that pages show: states, reasons, and sentences of ours.

Other packages define them, in English. Here they are marked for translation.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

STATES = (
    N_("scheduled"),
    N_("queued"),
    N_("sending"),
    N_("verifying"),
    N_("requested"),
    N_("cancelled"),
    N_("rejected"),
    N_("expired"),
    N_("failed"),
    N_("withdrawn"),
)
LANES = (N_("open"), N_("paused"), N_("held"), N_("stopped"))
VERDICTS = (N_("done"), N_("partly"), N_("not done"), N_("unknown"))
"""Of plans that have ended."""
GROUPS = (N_("ended"),)
RUNS = (N_("running"), N_("submitted"))
SENTENCES = (
    N_("held by an operator"),
    N_("it stands still: orders are due, no call is made; see the workers' log"),
    N_("the provider's own panel"),
)
