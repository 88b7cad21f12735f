"""Releases or skips several cancellations, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence

from rescind.dashboard.bulk.order_action import Changed, Order
from rescind.dashboard.page_context import Dashboard
from rescind.operations.actions import UnknownError, lanes_to_notify
from rescind.operations.release_and_skip import Decision, decide
from rescind.provider.outcomes import InvalidRequestError


def decide_each(
    dashboard: Dashboard, decision: Decision, ids: Sequence[str], order: Order
) -> Changed:
    """Decide for each; one that is refused does not stop the others. One that was
    deleted meanwhile is left out. Notifies the lanes."""
    done = Changed()
    for one in ids:
        try:
            row = decide(dashboard.engine, decision, one, order.now, by=order.by)
        except InvalidRequestError as error:
            done.refused.append(str(error))
        except UnknownError:
            continue
        else:
            done.rows.append(row)
    dashboard.notify(lanes_to_notify(done.rows))
    return done
