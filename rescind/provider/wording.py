"""Finds the states that an English sentence asserts, not those that it denies."""

from __future__ import annotations

import re

from rescind.provider.text import fold

STATE = (
    r"(?:cancell?ed|refunded|completed|delivered|shipped|dispatched|picked|in transit"
    r"|out for delivery)"
)
"""Words that name a state and are also participles: "cancelled" alone says what
happened; in "cannot be cancelled" it does not."""
BETWEEN = (
    r"(?: (?:yet|be|been|being|get|got|have|has|had|is|was|are|were|it|they|the|order"
    r"|shipment|already|actually))*"
)
BEFORE = (
    r"(?:not|never|no|cannot|can|could|may|might|must|should|would|will|to be|being"
    r"|until|till|unless|before|after|if|when|once|whether|only|except"
    r"|(?:is|was|are|were|has|have|had|does|did|could|should|would|ca|wo)n['’]?t)"
)
NOT_SO = re.compile(rf"\b{BEFORE}{BETWEEN} {STATE}\b")


def asserted(text: str | None) -> str:
    """``text`` in folded words, without states that it denies, announces or makes
    conditional: "not yet picked up", "to be delivered", "once it is shipped"."""
    return NOT_SO.sub(" ", fold(text))
