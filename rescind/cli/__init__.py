"""The command ``rescind``.

Each command imports what it needs when it runs, so that ``--help`` starts quickly.
"""

from __future__ import annotations

from collections.abc import Sequence

from rescind.garbage import collect_rarely


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit status.

    Without ``argv``, it is the command line of this process, which Ctrl-C then ends.
    """
    if argv is None:
        return _main_of_process()
    from rescind.cli.app import run

    return run(argv)


def _main_of_process() -> int:
    collect_rarely()
    try:
        from rescind.cli.interrupts import end_soon_after_ctrl_c

        end_soon_after_ctrl_c()
        from rescind.cli.app import run

        return run()
    except KeyboardInterrupt:
        # It came while modules were imported.
        return 130
