"""The commands for lanes, settings, keys and checks."""

from __future__ import annotations

from typing import Annotated

import typer

from rescind.cli import output
from rescind.cli.completion import lane_names
from rescind.cli.options import Json

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


def hold(
    lane: Lane,
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Why, for those who see the hold; 200 characters."
        ),
    ] = "",
) -> None:
    """Hold a lane: its workers send no calls until `rescind resume`."""
    from rescind.cli.lane_commands import hold_lane

    hold_lane(lane, reason)


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


def doctor(
    facts: Annotated[
        bool,
        typer.Option(
            "--facts",
            help="Only list what is assumed of the providers, and what to ask them.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check settings, services and credentials; show the next step.

    The checks change nothing at any provider. Exit status: 0 all is well; 2 a setting
    is wrong; 3 a service cannot be reached. --facts checks nothing.
    """
    if facts:
        from rescind.cli.facts_shown import show_facts

        show_facts(as_json=as_json)
        return
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


def capacity(
    orders: Annotated[
        float | None,
        typer.Option(min=0, help="Orders a day; the default is the last 24 hours."),
    ] = None,
    peak: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=96,
            help="The busiest quarter of an hour, in multiples of the average.",
        ),
    ] = None,
    answer: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds until a provider answers; else as seen."),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(min=0, help="Days to keep; the default is RESCIND_RETENTION."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Calculate how many workers, connections and accounts, and how much disk.

    Each number has its reason. Without RESCIND_RETENTION, a year is kept.
    """
    from rescind.cli.capacity_command import capacity as run

    run(orders, peak, answer, days, as_json=as_json)


def migrate(
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="Also remove what older versions need; refused while one runs.",
        ),
    ] = False,
) -> None:
    """Upgrade the ledger's tables to this program's version.

    The version before goes on working until `rescind migrate --finish`: run it when
    all processes are upgraded.
    """
    from rescind.cli.migrate_command import migrate as run

    run(finish=finish)


def reconcile(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Also read back what ended since then, other than cancelled.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count them, and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read back all open orders: the ledger was restored from an older copy.

    Run it before workers start. Each open order may have been sent since the copy was
    made: its provider is asked before it is sent. For a day, new orders are read before
    they are sent, too. If workers ran on the restored ledger, give --since with the
    time of the copy.
    """
    from rescind.cli.reconcile import reconcile_ledger

    reconcile_ledger(since, dry_run=dry_run, as_json=as_json)


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
