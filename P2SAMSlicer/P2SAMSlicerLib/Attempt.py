"""Where a slot ends: a refusal of the engine or the logic becomes a sentence for the person, not a traceback."""

from __future__ import annotations

from p2sam.errors import P2SAMError


def attempt(action, tell) -> bool:
    """Do `action()`; where it refuses, `tell(sentence)`. Whether it was done."""
    try:
        action()
    except P2SAMError as error:
        tell(str(error))
        return False
    return True
