"""The two pages of every action: the question before it, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from fastapi import Request, Response

from rescind.dashboard.list_links import LIST
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.rendering import page
from rescind.dashboard.result_pages import show_result
from rescind.dashboard.sessions import Session

SHOWN = 20
"""Reasons that a page lists one by one."""
OVERVIEW = "/"


@dataclass(frozen=True, slots=True)
class Question:
    """What a confirmation asks; all texts are for the user."""

    title: str
    facts: Sequence[str]
    """What will happen, until when, and what cannot be undone."""
    button: str
    refuse: str
    """The label of the link that does nothing."""


@dataclass(frozen=True, slots=True)
class NewDeadline:
    """A confirmation's field for a new deadline."""

    late: int
    """How many of the chosen cannot be changed without one."""
    required: bool
    written: str = ""
    """What the user had written into it before."""


@dataclass(frozen=True, slots=True)
class ReasonField:
    """A confirmation's field for why the user does this."""

    most: int
    """Characters that it may have."""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A question about some of the selected cancellations or lanes."""

    path: str
    """Where its form is sent."""
    question: Question
    fields: Sequence[tuple[str, str]]
    """The selection, as the form's hidden fields."""
    chosen: Sequence[tuple[str, str]]
    """The lanes that are affected, or the one cancellation, each with a remark."""
    unable: Sequence[str] = ()
    """Why others cannot be changed, in a sentence each."""
    unable_words: str = ""
    more: str = ""
    """A remark, if more match than one form can change."""
    deadline: NewDeadline | None = None
    reason: ReasonField | None = None
    back: str = LIST


@dataclass(frozen=True, slots=True)
class Nothing:
    """What is said if none of the selected can be changed."""

    title: str
    why: str
    back: str = LIST
    unable: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What an action did; all texts are for the user."""

    title: str
    done: str
    """A sentence on what was done, or empty if nothing was changed."""
    refused: Sequence[str] = ()
    """Why others were not changed, in a sentence each."""
    refused_words: str = ""
    back: str = LIST
    links: Sequence[tuple[str, str]] = field(default_factory=tuple)
    more: str = ""
    """A remark, if more match than one form can change."""


def ask(request: Request, found: Confirmation | Nothing) -> Response:
    """The page that asks, or says that there is nothing to do."""
    if isinstance(found, Nothing):
        return page(request, "nothing.html", found=found, shown=SHOWN)
    return page(request, "confirm.html", found=found, shown=SHOWN)


def tell(
    request: Request, dashboard: Dashboard, who: Session, result: Result
) -> Response:
    """Leads to the page with the result."""
    values = {"result": asdict(result), "shown": SHOWN}
    return show_result(request, dashboard, who, "done.html", values)
