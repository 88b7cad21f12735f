"""The questions of ``rescind init``, in order; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from providers.registry import BY_NAME
from rescind.cli.completion import KEEP
from rescind.cli.setup import service_questions
from rescind.cli.setup.account_fields import (
    Way,
    fault_of_one,
    is_secret,
    needs_base_url,
    provider_name,
    variable,
    ways_in,
)
from rescind.cli.setup.answers import AccountAnswer, Answers, Credential
from rescind.cli.setup.given_options import Given
from rescind.cli.setup.questions import Asker
from rescind.config.names import NAME, NAME_FORM
from rescind.errors import messages
from rescind.provider.interface import Provider


def dialogue(
    ask: Asker, given: Given, taken: set[tuple[str, str]], *, add: bool
) -> Answers:
    """Ask all questions. ``taken`` are the accounts that exist already.

    Raises ``typer.Abort`` if the user leaves.
    """
    ask.say_how_to_leave()
    accounts = list(_accounts(ask, given, taken))
    if add:
        return Answers(accounts, {})
    settings, shown = service_questions.ask_for_services(ask, given)
    return Answers(accounts, settings, shown)


def _accounts(
    ask: Asker, given: Given, taken: set[tuple[str, str]]
) -> Iterator[AccountAnswer]:
    while True:
        one = _account(ask, given, taken)
        taken.add((one.provider, one.account))
        yield one
        given = Given()
        if not ask.confirm("Another account?"):
            return


def _account(ask: Asker, given: Given, taken: set[tuple[str, str]]) -> AccountAnswer:
    name = ask.choice(
        "Provider",
        list(BY_NAME),
        option="--provider",
        given=given.provider,
        form=provider_name,
    )
    provider = BY_NAME[name]

    def fault(answer: str) -> str | None:
        if not NAME.fullmatch(answer):
            return f"it must be {NAME_FORM}"
        if (name, answer) in taken:
            return f"[{name}.{answer}] is in the accounts file already"
        return None

    account = ask.text(
        "Account name",
        option="--account",
        given=given.account,
        default="default",
        fault=fault,
    )
    way = _way(ask, provider, given)
    base_url = _base_url(ask, provider, given)
    found = _credentials(ask, provider, account, way, given)
    return AccountAnswer(name, account, base_url, list(found))


def _way(ask: Asker, provider: Provider[Any], given: Given) -> Way:
    ways = {"+".join(way): way for way in ways_in(provider)}
    if len(ways) == 1:
        return next(iter(ways.values()))
    # Without a terminal, use the first way whose credentials are all given.
    known = [
        name
        for name, way in ways.items()
        if all(_known(provider.name, given, credential) for credential in way)
    ]
    chosen = known[0] if known and not ask.interactive else None
    howto = " or else ".join(_variables(provider, given, way) for way in ways.values())
    named = ask.choice("Log in by", list(ways), option=howto, given=chosen)
    return ways[named]


def _variables(provider: Provider[Any], given: Given, way: Way) -> str:
    account = given.account or "default"
    return " and ".join(variable(provider.name, account, name) for name in way)


def _known(provider: str, given: Given, name: str) -> bool:
    found = variable(provider, given.account or "default", name)
    return name in given.files or bool(os.environ.get(found))


def _base_url(ask: Asker, provider: Provider[Any], given: Given) -> str | None:
    if given.base_url is None and not needs_base_url(provider):
        return None
    way = ways_in(provider)[0]
    return ask.text(
        "Its base_url, such as https://your-shop.example",
        option="--base-url",
        given=given.base_url,
        fault=lambda answer: fault_of_one(provider, way, "base_url", answer),
    )


def _credentials(
    ask: Asker, provider: Provider[Any], account: str, way: Way, given: Given
) -> Iterator[Credential]:
    keep = given.keep
    if not given.files:
        keep = ask.choice(
            "Keep its credentials in .env, in files, or here in the accounts file",
            KEEP,
            option="--keep",
            given=keep,
            default="env",
        )
    for name in way:
        if name in given.files or keep == "file":
            yield _in_a_file(ask, provider, way, name, given.files.get(name))
            continue
        where = variable(provider.name, account, name)
        value = _secret(ask, provider, way, name, where)
        yield Credential(name, value, where if keep != "here" else None)


def _secret(
    ask: Asker, provider: Provider[Any], way: Way, name: str, where: str
) -> str:
    given = None if ask.interactive else os.environ.get(where)
    if ask.interactive and os.environ.get(where):
        messages.say(f"{where} is set in the environment, which overrides .env")
    return ask.text(
        f"{provider.name} {name}",
        option=f"it by the variable {where}",
        given=given,
        hidden=is_secret(provider, name),
        fault=lambda answer: fault_of_one(provider, way, name, answer),
    )


def _in_a_file(
    ask: Asker, provider: Provider[Any], way: Way, name: str, given: str | None
) -> Credential:
    def fault(answer: str) -> str | None:
        try:
            value = Path(answer).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return f"the file {answer} cannot be read"
        return fault_of_one(provider, way, name, value)

    path = ask.text(
        f"{provider.name} {name}: the file that holds it",
        option=f"--credential-file {name}=PATH",
        given=given,
        fault=fault,
    )
    return Credential(name, "", file=path)
