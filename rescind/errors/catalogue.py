"""All groups of problems, and each problem by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rescind.errors.http_errors import DOOR
from rescind.errors.kind import PAGE, Group, Problem
from rescind.errors.outcome_errors import OUTCOMES
from rescind.errors.service_errors import SERVICES
from rescind.errors.setup_errors import SETUP
from rescind.errors.usage_errors import USING

GROUPS: tuple[Group, ...] = (SETUP, SERVICES, USING, DOOR, OUTCOMES)
PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {one.slug: one for group in GROUPS for one in group.problems}
)


def problem(slug: str) -> Problem:
    """The problem of that name; raises ``KeyError`` for one that is not listed."""
    return PROBLEMS[slug]


def outcome(state: str, reason: str) -> Problem:
    """What is said of a cancellation that ended like that."""
    return PROBLEMS[f"{state}-{reason}".replace("_", "-")]


def anchor(slug: str) -> str:
    """Where the problem of that name is written about."""
    return f"{PAGE}#{problem(slug).slug}"
