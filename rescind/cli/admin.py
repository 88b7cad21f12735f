"""Lanes, settings, keys, checks; and starting the whole system."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rescind.cli import output
from rescind.cli.completion import lane_names
from rescind.cli.options import Json
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG

Lane = Annotated[
    str,
    typer.Argument(metavar="LANE", help="provider/account", autocompletion=lane_names),
]


def lanes(
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--no-exact",
            help="Count all of a long backlog; --json does, unless told not to.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show each lane's backlog, oldest wait and rate, and what holds it up."""
    from rescind.cli.lane_commands import show_lanes

    show_lanes(exact=exact, as_json=as_json)


def hold(lane: Lane) -> None:
    """Hold a lane: nothing more is sent on it until `rescind resume`."""
    from rescind.cli.lane_commands import hold_lane

    hold_lane(lane)


def resume(lane: Lane) -> None:
    """Let a lane go on: its hold, its pause and its failures are forgotten."""
    from rescind.cli.lane_commands import resume_lane

    resume_lane(lane)


def env() -> None:
    """Print the settings in force as NAME=value lines, secrets among them.

    For other programs, such as a Celery producer: eval "$(rescind env)".
    """
    from rescind.cli.env import show_environment

    show_environment()


def doctor(as_json: Json = False) -> None:
    """Check settings, Redis, the ledger, the clock, credentials; say what to do next.

    Nothing is changed at any provider. Exit status: 0 all is well; 2 a setting is
    wrong; 3 a service cannot be reached.
    """
    from rescind.operations.doctor import Check, examine, status
    from rescind.operations.worker_checks import Asked

    def ask(seconds: float) -> Asked:
        # It needs a broker's address, and Celery takes a moment to load.
        from worker.inspection import consumed_queues

        return consumed_queues(seconds)

    found = []
    for one in examine(ask):
        if isinstance(one, Check):
            found.append(one)
        if as_json:
            output.emit_json(one.document())
        else:
            output.emit(one.line())
    if status(found):
        raise typer.Exit(status(found))


def migrate() -> None:
    """Bring the ledger's tables to the version that this program knows."""
    from rescind.config.ledger_url import open_engine
    from rescind.config.settings import settings
    from rescind.ledger.storage.migrate import upgrade
    from rescind.ledger.storage.unreachable import shown

    engine = open_engine(settings())
    upgrade(engine)
    output.emit(f"the ledger {shown(engine)} is up to date")


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Instead of RESCIND_RETENTION, as in 365d."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be deleted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete cancellations that ended long ago, with their history and their calls.

    With RESCIND_RETENTION set the workers do so by themselves. What is submitted
    again after it was deleted is a new cancellation, and is sent.
    """
    from rescind.cli.prune import prune as run

    run(older_than, dry_run=dry_run, as_json=as_json)


def seal_key(
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate", help="Seal all that is sealed anew, with the first key."
        ),
    ] = False,
) -> None:
    """Print a new key for RESCIND_SEAL_KEY.

    To rotate: put the new key before the former one, separated by a comma, restart
    the workers, run `rescind seal-key --rotate`, then drop the former.
    """
    if rotate:
        from rescind.cli.seal_rotation import rotate_all

        rotate_all()
    else:
        from rescind.ledger.seal import new_key

        output.emit(new_key())


Concurrency = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Celery tasks that the worker runs at once."),
]
FlowerPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Where Flower listens.")
]
NoFlower = Annotated[bool, typer.Option("--no-flower", help="Do without Flower.")]
ApiPort = Annotated[
    int | None,
    typer.Option(min=1, max=65_535, help="Where the HTTP door and the desk listen."),
]
NoApi = Annotated[
    bool, typer.Option("--no-api", help="Do without the HTTP door and the desk.")
]


def up(
    concurrency: Concurrency = None,
    flower_port: FlowerPort = None,
    no_flower: NoFlower = False,
    api_port: ApiPort = None,
    no_api: NoApi = False,
) -> None:
    """Run the whole system in this terminal; Ctrl-C stops it gracefully."""
    from rescind.system.up import up as run

    given = _given(concurrency, flower_port, no_flower=no_flower)
    _end(run(**given, **_door(api_port, no_api=no_api)))


def api() -> None:
    """Run the HTTP door and the desk alone, where RESCIND_API_PORT says.

    For machines that do not run `rescind up`; it needs the ledger, and no Redis.
    """
    import os
    import sys

    # A room above this one, which nothing in here may import.
    os.execv(sys.executable, [sys.executable, "-m", "rescind.api"])  # noqa: S606


def demo(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="Instead of the example.")
    ] = None,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave it up at the end.")
    ] = False,
    concurrency: Concurrency = None,
    flower_port: FlowerPort = None,
    no_flower: NoFlower = False,
    api_port: ApiPort = None,
    no_api: NoApi = False,
) -> None:
    """Run the whole system on simulated providers, and push a file through it."""
    from pathlib import Path

    from rescind.demo.demo import demo as run

    chosen = _given(concurrency, flower_port, no_flower=no_flower)
    chosen |= _door(api_port, no_api=no_api)
    path = None if file is None else Path(file)
    _end(run(keep_running=keep_running, file=path, **chosen))


def _given(
    concurrency: int | None, flower_port: int | None, *, no_flower: bool
) -> dict[str, Any]:
    """What was given of these; the rest has its defaults where it is used."""
    given: dict[str, Any] = {}
    if concurrency is not None:
        given["concurrency"] = concurrency
    if flower_port is not None or no_flower:
        given["flower_port"] = None if no_flower else flower_port
    return given


def _door(api_port: int | None, *, no_api: bool) -> dict[str, Any]:
    if no_api:
        return {"api_port": None}
    return {} if api_port is None else {"api_port": api_port}


def sandbox(context: typer.Context) -> None:
    """Run the five simulated providers alone: --port N; --help says the rest."""
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
