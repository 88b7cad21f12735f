"""The code of ``rescind doctor --facts``."""

from __future__ import annotations

from rescind.cli import output
from rescind.config.times import utc_now
from rescind.operations.fact_report import known_facts, summary


def show_facts(*, as_json: bool) -> None:
    """Show what is assumed or old; as JSON, show every fact."""
    from providers.registry import PROVIDERS

    facts = known_facts(PROVIDERS, utc_now().date())
    if as_json:
        for one in facts:
            output.emit_json(one.document())
        return
    for one in facts:
        for line in one.lines() if one.is_open else ():
            output.emit(line)
    output.emit(summary(facts))
