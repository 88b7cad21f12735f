"""The ways to run, by the names that ``make chaos ARGS=…`` takes."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.pgbouncer_way import PgBouncerWay
from chaos.way import USUAL, Way

WAYS: Mapping[str, Way] = {
    USUAL: Way(),
    "pgbouncer": PgBouncerWay(),
}
