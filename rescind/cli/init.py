"""``rescind init``: asks for settings, and writes the accounts file and ``.env``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from rescind.cli import output
from rescind.cli.completion import keep_places, provider_names
from rescind.errors import messages
from rescind.errors.exit_statuses import INTERRUPTED

if TYPE_CHECKING:
    from rescind.cli.setup.answers import Answers
    from rescind.cli.setup.given_options import Given


def init(
    add: Annotated[
        bool, typer.Option("--add", help="Add an account to the existing files.")
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option(
            help="The provider of the first account.", autocompletion=provider_names
        ),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The account's name; `default` if not given.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="The address of the provider's API.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="env|file|here",
            help="Where to keep its credentials: .env, files, the accounts file.",
            autocompletion=keep_places,
        ),
    ] = None,
    credential_file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH", help="A file that holds one credential; repeatable."
        ),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Your own Redis; else it is embedded."),
    ] = None,
    postgresql: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Your own PostgreSQL; else SQLite is used."),
    ] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:SCOPE+SCOPE",
            help="Make a token for the HTTP API; repeatable.",
        ),
    ] = None,
    webhook_hosts: Annotated[
        str | None,
        typer.Option(metavar="HOSTS", help="The hosts that webhooks may be sent to."),
    ] = None,
) -> None:
    """Ask for the settings, and write the accounts file and .env.

    The command overwrites nothing, and writes nothing before the last answer: q,
    Ctrl-C or Ctrl-D leaves at any question. Without a terminal, options give the
    answers, and credentials come from variables such as NOTPANEL_KEY.
    """
    from rescind.cli.setup.given_options import Given
    from rescind.intake.values import named_values

    given = Given(
        provider=provider,
        account=account,
        base_url=base_url,
        keep=keep,
        files=named_values(credential_file or [], "--credential-file"),
        redis_url=redis,
        database_url=postgresql,
        tokens=token or [],
        webhook_hosts=webhook_hosts,
    )
    try:
        _run(given, add=add)
    except (typer.Abort, KeyboardInterrupt):
        # The cursor stands behind the question.
        print(file=sys.stderr)
        messages.say("nothing was written")
        raise typer.Exit(INTERRUPTED) from None


def _run(given: Given, *, add: bool) -> None:
    from rescind.cli.setup.dialogue import dialogue
    from rescind.cli.setup.file_placement import place, refuse_to_overwrite
    from rescind.cli.setup.questions import Asker
    from rescind.config.accounts import load_accounts
    from rescind.config.settings import settings

    path = settings().accounts
    refuse_to_overwrite(path, add=add)
    taken = set(load_accounts(path).lanes)
    answers = dialogue(Asker(), given, taken, add=add)
    for written in place(path, answers):
        output.emit(f"{written} is written; only you can read it")
    _show_next_steps(answers)


def _show_next_steps(answers: Answers) -> None:
    """Print the new secrets, and the commands to run next."""
    _show_secrets(answers.shown)
    from rescind.operations.first_command import easiest, first_command

    first = easiest((one.provider, one.account) for one in answers.accounts)
    output.emit()
    output.emit("Next:")
    output.emit("  rescind doctor    checks all settings and services")
    output.emit("  rescind up        starts everything, in a terminal of its own")
    if first is not None:
        output.emit(f"  {first_command(*first)}")


def _show_secrets(shown: Mapping[str, str]) -> None:
    if shown:
        output.emit()
        output.emit("Copy these secrets now. They are not shown again:")
    for name, value in shown.items():
        output.emit(f"  {name}: {value}")
