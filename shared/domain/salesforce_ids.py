"""Salesforce ids: 15 characters whose case matters, or 18, whose last three say the case. Ours have 18 throughout."""

from __future__ import annotations

import re

_SHORT = re.compile(r"[0-9A-Za-z]{15}", re.ASCII)
_BLOCK = 5
_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
"""A block's check character: bit j of its index is set where the block's character j is upper-case."""


def long_form(identity: str) -> str:
    """The 18 characters of an id that has 15; every other text as it is."""
    if _SHORT.fullmatch(identity) is None:
        return identity
    blocks = (identity[first : first + _BLOCK] for first in range(0, len(identity), _BLOCK))
    return identity + "".join(map(_check, blocks))


def _check(block: str) -> str:
    return _CHECKS[sum(1 << place for place, character in enumerate(block) if character.isupper())]
