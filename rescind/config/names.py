"""The names that people give to accounts, plans and schedules."""

from __future__ import annotations

import re

NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
"""A name is one word in a shell, in an address and in a key."""
NAME_FORM = "1 to 64 letters (a to z, A to Z), digits, dots, dashes or underscores"
