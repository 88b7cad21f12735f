"""Every kind of problem that a user can meet: a closed catalogue, and its page.

``docs/errors.md`` is made of it: ``python -m worker.problems`` writes the page anew.
"""

from worker.problems.catalogue import GROUPS, PROBLEMS, anchor, outcome, problem
from worker.problems.model import PAGE, Group, Problem

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
