"""How often Python's garbage collector runs, and through what it looks."""

import gc


def collect_rarely() -> None:
    """Call this first, as a program starts.

    A start makes hundreds of thousands of objects, which all stay. With Python's own
    thresholds, the collector visits them again and again: a sixth of the start.
    """
    gc.set_threshold(50_000, 20, 100)


def leave_out_what_is_loaded() -> None:
    """Call this when a program that runs for long has started.

    Modules and what they hold live as long as the process. Each full collection would
    visit all of it, which takes a fifth of a worker's processor time in bulk work.
    """
    gc.collect()
    gc.freeze()
