"""The bare loop: ``requests``, without a queue, a ledger or a check of the outcome.

``python -m bench.peers.bare PROVIDER FIRST COUNT BATCH THREADS`` prints its seconds.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench.peers import work


def run(provider: str, orders: list[str], batch: int, threads: int) -> float:
    """Cancel ``orders``, so many a call and so many calls at once. Returns seconds."""
    cancel = work.CANCELS[provider]
    batches = [orders[at : at + batch] for at in range(0, len(orders), batch)]
    began = time.perf_counter()
    if threads == 1:
        for one in batches:
            cancel(one)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(cancel, batches))
    return time.perf_counter() - began


def main() -> None:
    provider, *rest = sys.argv[1:]
    first, count, batch, threads = map(int, rest)
    orders = [str(number) for number in range(first, first + count)]
    run(provider, orders[: max(batch, threads)], batch, threads)  # connects
    print(run(provider, orders, batch, threads))


if __name__ == "__main__":
    main()
