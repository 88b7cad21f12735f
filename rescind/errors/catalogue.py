"""All groups of problems, and a look-up of problems by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rescind.errors.http_errors import HTTP_API
from rescind.errors.kind import PAGE, Group, Problem
from rescind.errors.outcome_errors import OUTCOMES
from rescind.errors.service_errors import SERVICES
from rescind.errors.setup_errors import SETUP
from rescind.errors.usage_errors import USING

GROUPS: tuple[Group, ...] = (SETUP, SERVICES, USING, HTTP_API, OUTCOMES)
PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {one.slug: one for group in GROUPS for one in group.problems}
)


def problem(slug: str) -> Problem:
    """The problem with this slug; raises ``KeyError`` if there is none."""
    return PROBLEMS[slug]


def outcome(state: str, reason: str) -> Problem:
    """The entry for a cancellation that ended with this state and reason."""
    return PROBLEMS[f"{state}-{reason}".replace("_", "-")]


def anchor(slug: str) -> str:
    """The address of the problem's section in ``docs/errors.md``."""
    return f"{PAGE}#{problem(slug).slug}"
