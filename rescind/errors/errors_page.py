"""Renders the catalogue as the page ``docs/errors.md``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rescind.errors.catalogue import GROUPS
from rescind.errors.kind import Group, Problem

WIDTH = 88
HEAD = """# Errors

Each error message says what went wrong, where, and what to do. It ends with the address
of a section on this page, such as `docs/errors.md#redis-unreachable`. The HTTP API
gives the same name in the `type` of its problem, and shows the section at
`/errors/redis-unreachable`.

`python -m rescind.errors` generates this page from `rescind/errors/`: change it there.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_contents(), *(_section(one) for one in GROUPS)])


def _contents() -> Iterator[str]:
    for group in GROUPS:
        links = " · ".join(f"[{one.slug}](#{one.slug})" for one in group.problems)
        yield f"- **{group.title}**: {links}"
    yield ""


def _section(group: Group) -> str:
    problems = (_entry(one) for one in group.problems)
    return "\n".join([f"## {group.title}\n", f"{_filled(group.intro)}\n", *problems])


def _entry(one: Problem) -> str:
    meaning = _filled(f"**{one.title}.** {one.meaning}")
    return f"### {one.slug}\n\n{meaning}\n\n{_filled(f'*What to do:* {one.todo}')}\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
