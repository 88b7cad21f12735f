"""``rescind init``: the first thing that a user types."""

from __future__ import annotations

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
        bool, typer.Option("--add", help="Add an account to the files there are.")
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option(help="Of the first account.", autocompletion=provider_names),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Its name; default.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Where it is reached.")] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="env|file|here",
            help="Where its credentials are kept: .env, files, the accounts file.",
            autocompletion=keep_places,
        ),
    ] = None,
    credential_file: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="A file that holds one of them."),
    ] = None,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", help="Your own; or it is embedded.")
    ] = None,
    postgresql: Annotated[
        str | None, typer.Option(metavar="URL", help="Your own; or it is SQLite.")
    ] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:SCOPE+SCOPE", help="Make one for the HTTP door; repeatable."
        ),
    ] = None,
    webhook_hosts: Annotated[
        str | None, typer.Option(metavar="HOSTS", help="Where webhooks may go.")
    ] = None,
) -> None:
    """Write the accounts file and .env, by asking.

    Nothing is overwritten, and nothing is written before the last answer. Where there
    is no terminal, options say what is wanted, and credentials come from variables
    such as NOTPANEL_KEY.
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
        output.emit(f"{written} is written; nobody else can read it")
    _tell(answers)


def _tell(answers: Answers) -> None:
    """What has to be handed on, once; and what to do next."""
    _tell_once(answers.shown)
    first = answers.accounts[0]
    named = "" if first.account == "default" else f" --account {first.account}"
    output.emit("\nNext:")
    output.emit("  rescind doctor    is everything as it must be?")
    output.emit("  rescind up        in a terminal of its own: starts everything")
    output.emit(f"  rescind cancel {first.provider} ORDER{named} --wait")


def _tell_once(shown: Mapping[str, str]) -> None:
    if shown:
        output.emit("\nHand these on; they are not shown again:")
    for name, value in shown.items():
        output.emit(f"  {name}: {value}")
