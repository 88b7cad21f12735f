"""When one call tests a lane that a fault of its account holds."""

from __future__ import annotations

from datetime import datetime

from rescind.provider.policy import Policy


def may_probe(
    probe_at: datetime | None,
    policy: Policy,
    now: datetime,
    changed_at: datetime | None,
) -> bool:
    """Whether the test may begin; never if an operator holds the lane, for then
    ``probe_at`` is ``None``.

    It begins at ``probe_at``. It begins earlier if the accounts file has changed since
    the provider last refused the account, for that may be the correction. If it is
    refused again, the refusal is later than the change. So a change leads to one test,
    however many workers read the file, and whenever they read it.
    """
    if probe_at is None:
        return False
    refused_at = probe_at - policy.probe_after
    # A refusal would not be later than a change that is still in the future.
    corrected = changed_at is not None and refused_at < changed_at <= now
    return corrected or now >= probe_at
