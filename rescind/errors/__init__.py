"""The catalogue of every kind of problem that a user can meet.

``python -m rescind.errors`` writes ``docs/errors.md`` from it.
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
