"""JSON of a review: the format's version, and what JSON cannot hold."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from functools import lru_cache

from p2sam.errors import InputError
from slicer.i18n import tr as _

FORMAT = 1
"""Version of the JSON; a text of a newer one is refused, keys that are not known are passed over."""


def write(values: dict) -> str:
    """ASCII on one line, so that it passes unchanged through the scene's XML."""
    document = {"format": FORMAT, **values}
    try:
        return _dumped(document)
    except (TypeError, ValueError):  # a number that JSON does not have, somewhere
        return _dumped(finite(document))


def finite(value):
    """The same value with None in place of numbers that JSON does not have, tuples as lists, numpy numbers as plain ones."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def read(text: str) -> dict:
    """The values of a text that `write` made, here or in another version of the module.

    Raises
    ------
    InputError
        The text is damaged, no review, or of a newer format.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise damaged(error) from error
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int) or version < 1:
        raise InputError(_("The text is no review of P2SAM: it does not state its format. Propagate the visit again."))
    if version > FORMAT:
        message = _("The review was saved by a newer P2SAM (format {version}, this one reads up to {known}); update the extension.")
        raise InputError(message.format(version=version, known=FORMAT))
    return values


def known(cls, values: dict) -> dict:
    """The entries that `cls`, a dataclass, has a field for."""
    names = _fieldNames(cls)
    return {name: value for name, value in values.items() if name in names}


def damaged(reason) -> InputError:
    return InputError(_("The review saved in the scene is damaged ({reason}); propagate the visit again.").format(reason=reason))


def _dumped(document: dict) -> str:
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


@lru_cache(maxsize=8)
def _fieldNames(cls) -> frozenset:
    return frozenset(one.name for one in fields(cls))
