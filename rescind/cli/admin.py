"""The commands for lanes, settings, keys and checks, and for starting the system."""

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
            help="Count all of a long backlog; the default with --json.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show each lane's status, backlog, oldest wait and rate."""
    from rescind.cli.lane_commands import show_lanes

    show_lanes(exact=exact, as_json=as_json)


def hold(lane: Lane) -> None:
    """Hold a lane: its workers send no calls until `rescind resume`."""
    from rescind.cli.lane_commands import hold_lane

    hold_lane(lane)


def resume(lane: Lane) -> None:
    """Resume a lane: clear its hold, pause and count of failures."""
    from rescind.cli.lane_commands import resume_lane

    resume_lane(lane)


def env() -> None:
    """Print the settings as NAME=value lines, including secrets.

    For other programs, such as a Celery producer: eval "$(rescind env)".
    """
    from rescind.cli.env import show_environment

    show_environment()


def doctor(as_json: Json = False) -> None:
    """Check settings, services and credentials; show the next step.

    The checks change nothing at any provider. Exit status: 0 all is well; 2 a setting
    is wrong; 3 a service cannot be reached.
    """
    from rescind.operations.doctor import Check, examine, status
    from rescind.operations.worker_checks import Consumed

    def ask(seconds: float) -> Consumed:
        # Imported here: Celery loads slowly, and this needs the broker's address.
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
    """Upgrade the ledger's tables to this program's version."""
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
        typer.Option(metavar="AGE", help="Used instead of RESCIND_RETENTION: 365d."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count them, and delete nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete cancellations that ended long ago.

    Their history and calls are deleted, too. If RESCIND_RETENTION is set, the workers
    do this by themselves. A cancellation that is submitted again after it was deleted
    is new, and is sent again.
    """
    from rescind.cli.prune import prune as run

    run(older_than, dry_run=dry_run, as_json=as_json)


def seal_key(
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate", help="Encrypt all sealed data again, with the first key."
        ),
    ] = False,
) -> None:
    """Print a new key for RESCIND_SEAL_KEY.

    To rotate: write the new key before the former one, separated by a comma, restart
    the workers, run `rescind seal-key --rotate`, then remove the former key.
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
    _end(run(keep_running=keep_running, file=path, **chosen))


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
    """Run only the five simulated providers; --help lists the options."""
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
