"""Every kind of problem that a user can meet: a closed catalogue, and its page.

``docs/errors.md`` is made of it: ``python -m rescind.errors`` writes the page anew.
"""

from rescind.errors.catalogue import GROUPS, PROBLEMS, anchor, outcome, problem
from rescind.errors.kind import PAGE, Group, Problem

__all__ = [
    "GROUPS",
    "PAGE",
    "PROBLEMS",
    "Group",
    "Problem",
    "anchor",
    "outcome",
    "problem",
]
