"""The sentence of the suite for an answer that is not true."""

from __future__ import annotations

import pytest

from providers.notpanel import POLICY
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy
from rescind.provider.testing.said_and_true import DONE, Said, never_existed, untrue
from rescind.sandbox.iletimerkezi import IletiMerkezi
from rescind.sandbox.notpanel import NotPanel

VANISHING = POLICY.overridden({"cancelled_may_vanish": True})
CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
TOO_LATE = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)


@pytest.mark.parametrize(
    ("finding", "truth", "flag"),
    [
        (CANCELLED, "active", "CANCELLED is said only of"),
        (CANCELLED, "cancelling", "CANCELLED is said only of"),
        (TOO_LATE, "cancelled", "cancelled_may_vanish"),
        (Finding(Outcome.ACTIVE), "cancelled", "may_ask_again"),
        (Finding(Outcome.GONE), "cancelled", "cancelled_may_vanish"),
    ],
)
def test_the_sentence_names_the_truth_the_fault_the_rule_and_the_flag(
    finding: Finding, truth: str, flag: str
) -> None:
    wrong = untrue(Said(finding, "read", truth, "drop_after"), POLICY)
    assert wrong is not None
    for part in ("drop_after", f"read as {finding.outcome}", f"is {truth}", flag):
        assert part in wrong


@pytest.mark.parametrize(
    ("finding", "truth", "policy"),
    [
        *[(CANCELLED, truth, POLICY) for truth in sorted(DONE)],
        (TOO_LATE, "completed", POLICY),
        (Finding(Outcome.ACTIVE), "active", POLICY),
        (Finding(Outcome.GONE), "missing", POLICY),
        (Finding(Outcome.GONE), "cancelled", VANISHING),
        (Finding(Outcome.UNKNOWN), "cancelled", POLICY),
    ],
)
def test_what_is_true_has_no_sentence(
    finding: Finding, truth: str, policy: Policy
) -> None:
    assert untrue(Said(finding, "read", truth), policy) is None


def test_only_a_cancel_may_be_refused_because_it_is_cancelled_already() -> None:
    finding = Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED)
    assert untrue(Said(finding, "cancel", "cancelled"), POLICY) is None
    assert untrue(Said(finding, "read", "cancelled"), POLICY) is not None


def test_an_order_that_never_existed_may_be_gone_unless_that_means_cancelled() -> None:
    gone, kept = Finding(Outcome.GONE), NotPanel
    told = never_existed(gone, VANISHING, kept)
    assert told is not None
    assert "cancelled_may_vanish=False" in told
    assert never_existed(gone, POLICY, kept) is None
    assert never_existed(Finding(Outcome.UNKNOWN), VANISHING, kept) is None
    assert never_existed(gone, VANISHING, IletiMerkezi) is None
