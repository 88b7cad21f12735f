"""The commands that start the system, a part of it, or the simulated providers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rescind.cli.completion import provider_names
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG

Concurrency = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Celery tasks that the worker runs at once."),
]
FlowerPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="The port of Flower.")
]
NoFlower = Annotated[bool, typer.Option("--no-flower", help="Do not start Flower.")]
ApiPort = Annotated[
    int | None,
    typer.Option(min=1, max=65_535, help="The port of the HTTP API and dashboard."),
]
NoApi = Annotated[
    bool, typer.Option("--no-api", help="Do not start the HTTP API and dashboard.")
]


def up(
    concurrency: Concurrency = None,
    flower_port: FlowerPort = None,
    no_flower: NoFlower = False,
    api_port: ApiPort = None,
    no_api: NoApi = False,
) -> None:
    """Run the whole system in this terminal, until Ctrl-C."""
    from rescind.system.up import up as run

    given = _given(concurrency, flower_port, no_flower=no_flower)
    _end(run(**given, **_api(api_port, no_api=no_api)))


def api() -> None:
    """Run only the HTTP API and dashboard.

    For machines that do not run `rescind up`. RESCIND_API_PORT sets the port. It needs
    the ledger, and no Redis.
    """
    import os
    import sys

    # The package rescind.api is in a higher layer, so this layer may not import it.
    os.execv(sys.executable, [sys.executable, "-m", "rescind.api"])  # noqa: S606


def demo(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Submitted instead of the example."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            help="Only this provider, with orders of its own.",
            autocompletion=provider_names,
        ),
    ] = None,
    keep_running: Annotated[
        bool,
        typer.Option("--keep-running", help="Keep the system running at the end."),
    ] = False,
    concurrency: Concurrency = None,
    flower_port: FlowerPort = None,
    no_flower: NoFlower = False,
    api_port: ApiPort = None,
    no_api: NoApi = False,
) -> None:
    """Run the whole system on a file, with simulated providers."""
    from pathlib import Path

    from rescind.demo.demo import demo as run

    chosen = _given(concurrency, flower_port, no_flower=no_flower)
    chosen |= _api(api_port, no_api=no_api)
    path = None if file is None else Path(file)
    _end(run(keep_running=keep_running, file=path, provider=provider, **chosen))


def _given(
    concurrency: int | None, flower_port: int | None, *, no_flower: bool
) -> dict[str, Any]:
    """The options that the user gave; the callee has defaults for the others."""
    given: dict[str, Any] = {}
    if concurrency is not None:
        given["concurrency"] = concurrency
    if flower_port is not None or no_flower:
        given["flower_port"] = None if no_flower else flower_port
    return given


def _api(api_port: int | None, *, no_api: bool) -> dict[str, Any]:
    if no_api:
        return {"api_port": None}
    return {} if api_port is None else {"api_port": api_port}


def sandbox(context: typer.Context) -> None:
    """Run only the simulated providers; --help lists the options."""
    from rescind.sandbox.sandbox_server import main

    try:
        _end(main(context.args))
    except SystemExit as ended:
        if ended.code == WRONG:
            messages.see("usage")
        raise


def _end(status: object) -> None:
    if isinstance(status, int) and status:
        raise typer.Exit(status)
