"""One request of Slicer: its number, its verb, and its parameters, each checked when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from .protocol import ProtocolError

_KINDS = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object", list: "a list",
}  # fmt: skip
_REQUIRED = object()


@dataclass(frozen=True)
class Request:
    """As it came. `parameters` is everything but `v`, `id` and `verb`."""

    id: int
    verb: str
    parameters: dict = field(default_factory=dict)

    @classmethod
    def of(cls, message: dict) -> Request:
        """The request of a decoded message.

        Raises
        ------
        ProtocolError
            Without a whole number as `id`, or without a verb.
        """
        number, verb = message.get("id"), message.get("verb")
        if not isinstance(number, int) or isinstance(number, bool):
            raise ProtocolError(f"A request has the id {number!r}; give each request a whole number of its own.")
        if not isinstance(verb, str):
            raise ProtocolError(f"Request {number} has the verb {verb!r}; name what is to be done.")
        return cls(number, verb, {key: value for key, value in message.items() if key not in ("v", "id", "verb")})

    def get(self, name: str, kind: type, default: object = _REQUIRED):
        """A parameter of that kind; absent and null are the default, where there is one.

        Raises
        ------
        ProtocolError
            Absent without a default, or of another kind.
        """
        value = self.parameters.get(name)
        if value is None and default is not _REQUIRED:
            return default
        fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
        if not fits:
            told = "nothing" if value is None else repr(value)[:60]
            raise ProtocolError(f"The verb '{self.verb}' needs '{name}' as {_KINDS[kind]}; it got {told}.")
        return value
